"""Uses of TensorFlow, tensorflow-text and Keras beyond their public APIs.

Each function states what it relies on and in which versions that was seen;
`tests/utils/test_compat.py` fails, and names the function, if a new version has changed it.
"""

import contextlib
import gc
import hashlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tf_pegasus.utils.forks import watch_forks


def is_running() -> bool:
    """Whether TensorFlow has run anything, and so has started its threads.

    Relies on `tensorflow.python.eager.context._context`, seen in TensorFlow 2.20 and 2.21.
    """
    from tensorflow.python.eager import context

    return context._context is not None and bool(context._context._initialized)


watch_forks(is_running)


def is_in_xla_context() -> bool:
    """Returns whether the graph being built will be compiled by XLA as a whole.

    Relies on `tensorflow.python.ops.control_flow_util.GraphOrParentsInXlaContext`, seen in
    TensorFlow 2.20 and 2.21.
    """
    from tensorflow.python.ops import control_flow_util

    graph = tf.compat.v1.get_default_graph()
    return bool(control_flow_util.GraphOrParentsInXlaContext(graph))


def add_weight(
    layer: keras.layers.Layer, name: str, value: tf.Tensor, dtype: str, trainable: bool
) -> keras.Variable:
    """Adds a weight with the initial value `value` to a layer that is built already.

    Keras locks a built layer against new weights. Relies on `Layer._tracker`, seen in Keras
    3.13 to 3.15.

    Args:
        layer: built `keras.layers.Layer`.
        name: str.
        value: tensor, of any shape.
        dtype: str.
        trainable: bool.

    Returns:
        The new `keras.Variable`.
    """
    locked = layer._tracker.locked
    layer._tracker.unlock()
    weight = layer.add_weight(
        name=name,
        shape=value.shape,
        initializer=lambda shape, dtype=None: tf.cast(value, dtype),
        dtype=dtype,
        trainable=trainable,
        autocast=False,
    )
    if locked:
        layer._tracker.lock()
    return weight


def replace_weight(
    layer: keras.layers.Layer,
    attribute: str,
    value: tf.Tensor,
    dtype: str | None = None,
    trainable: bool | None = None,
) -> None:
    """Replaces the weight at `layer.attribute` by a new one with the initial value `value`.

    Optimizers and traced functions that use the old one must be created again. See `add_weight`.

    Args:
        layer: built `keras.layers.Layer`.
        attribute: str.
        value: tensor, of any shape.
        dtype, trainable: of the new weight; default to those of the old one.
    """
    old = getattr(layer, attribute)
    delattr(layer, attribute)
    dtype = old.dtype if dtype is None else dtype
    trainable = old.trainable if trainable is None else trainable
    setattr(layer, attribute, add_weight(layer, attribute, value, dtype, trainable))


def name_scope(layer: keras.layers.Layer) -> contextlib.AbstractContextManager:
    """Returns a scope in which the paths of new variables begin with that of the layer.

    Keras opens it in `build` and `call`; layers that make their parts in the constructor open it
    there. Relies on `Layer._open_name_scope`, seen in Keras 3.13 to 3.15.
    """
    return layer._open_name_scope()


def scope_path(layer: keras.layers.Layer) -> str:
    """Returns the path of a layer for which `name_scope` was opened: those that it is in, and it.

    Relies on `Layer._parent_path`, seen in Keras 3.13 to 3.15.
    """
    return f"{layer._parent_path}/{layer.name}" if layer._parent_path else str(layer.name)


def set_initializer(variable: keras.Variable, initializer: Callable[..., Any]) -> None:
    """Replaces the initializer of a variable that has no value yet.

    Variables created in a `keras.StatelessScope` get their values when it ends. Relies on
    `keras.Variable._initializer`, seen in Keras 3.13 to 3.15.

    Args:
        variable: `keras.Variable`, created in a scope that is still open.
        initializer: function `(shape, dtype)` that returns an array.
    """
    variable._initializer = initializer


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns a model and all layers inside it, at any depth.

    Relies on `Layer._flatten_layers`, seen in Keras 3.13 to 3.15.
    """
    return list(model._flatten_layers())


@contextlib.contextmanager
def cheap_weight_removal() -> Iterator[None]:
    """Makes it cheap to remove weights from layers, as quantization does for every layer.

    Keras collects garbage whenever a weight is removed, seen in Keras 3.13 to 3.15, which takes a
    second each in a process with many objects. Objects that exist already are exempt here.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def set_mask(tensor: tf.Tensor, mask: tf.Tensor) -> None:
    """Attaches a mask that Keras' losses and metrics heed, as a layer with `compute_mask` does.

    Relies on `keras.src.backend.set_keras_mask`, seen in Keras 3.13 to 3.15.

    Args:
        tensor: `(batch, length, …)`.
        mask: bool `(batch, length)`.
    """
    from keras.src import backend

    backend.set_keras_mask(tensor, mask)


def mask_of(tensor: tf.Tensor) -> tf.Tensor | None:
    """Returns the mask that is attached to a tensor, see `set_mask`, or None."""
    from keras.src import backend

    return backend.get_keras_mask(tensor)


def build_compiled(model: keras.Model, labels: Any, outputs: Any) -> None:
    """Creates the variables of compiled losses and metrics, which strategies cannot do in a step.

    Relies on `Model._compile_loss` and `_compile_metrics`, seen in Keras 3.13 to 3.15.

    Args:
        model: compiled `keras.Model`.
        labels, outputs: `keras.KerasTensor`s of the shapes that losses and metrics get.
    """
    for compiled in (model._compile_loss, model._compile_metrics):
        if compiled is not None and not compiled.built:
            compiled.build(labels, outputs)


def loss_of(
    model: keras.Model, x: Any, y_pred: Any, sample_weight: Any, training: bool
) -> tf.Tensor:
    """Returns `model.compute_loss`, which may be overridden without the argument `training`.

    Relies on `Trainer._compute_loss`, seen in Keras 3.13 to 3.15.
    """
    return model._compute_loss(x, None, y_pred, sample_weight, training=training)


def track_loss(model: keras.Model, loss: tf.Tensor, weight: tf.Tensor) -> None:
    """Updates the mean loss in the logs of `fit` with the loss of a batch.

    Relies on `Trainer._loss_tracker`, seen in Keras 3.13 to 3.15.
    """
    model._loss_tracker.update_state(loss, sample_weight=weight)


def clips_gradients(optimizer: keras.optimizers.Optimizer) -> bool:
    """Returns whether an optimizer clips gradients, or looks whether they are finite.

    One that accumulates the gradients of several steps clips only their mean, and is left alone.
    """
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        return not inner.gradient_accumulation_steps
    limits = (optimizer.clipnorm, optimizer.global_clipnorm, optimizer.clipvalue)
    return any(limits) and not optimizer.gradient_accumulation_steps


def clipped_gradients(
    optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Returns gradients as the optimizer would clip them, and scaled as they were.

    Relies on `Optimizer._clip_gradients`, seen in Keras 3.13 to 3.15.
    """
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is None:
        return optimizer._clip_gradients(gradients)
    scale = optimizer.dynamic_scale
    unscaled = inner._clip_gradients([gradient / scale for gradient in gradients])
    return [gradient * scale for gradient in unscaled]


def reducible_logs(strategy: tf.distribute.Strategy, logs: dict[str, Any]) -> dict[str, Any]:
    """Returns the logs of a step in a shape that Keras' `fit` can reduce.

    With several workers it averages over their first axis (`strategy.reduce("MEAN", v, axis=0)`
    in `reduce_per_replica`), which scalars do not have: an error in Keras 3.13 to 3.15.
    """
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return {name: tf.reshape(value, [1]) for name, value in logs.items()}
    return logs


def ignore_class(cross_entropy: Any, label: int) -> None:
    """Makes a sparse cross-entropy ignore a label, unless it ignores another one.

    Keras' metric has no argument for it. Relies on `_fn_kwargs` of the wrappers of functions, and
    on the argument `ignore_class` of the function inside, seen in Keras 3.13 to 3.15.

    Args:
        cross_entropy: `keras.losses.SparseCategoricalCrossentropy`, or the metric of that name.
        label: int.
    """
    if cross_entropy._fn_kwargs.get("ignore_class") is None:
        cross_entropy._fn_kwargs["ignore_class"] = label
        if hasattr(cross_entropy, "ignore_class"):
            cross_entropy.ignore_class = label


def sentencepiece_tokenizer(model_proto: bytes, **options: Any) -> Any:
    """Returns a `tensorflow_text.SentencepieceTokenizer` whose vocabulary is a named resource.

    tensorflow-text's own resource is anonymous and belongs to the op's kernel, which TensorFlow
    discards when a random seed is set (`keras.utils.set_random_seed`): the tokenizer, and every
    function traced with it, would then fail. Equal vocabularies share a name, and therefore the
    memory. Relies on `SentencepieceTokenizer._model_resource` and the op `sentencepiece_op`,
    seen in tensorflow-text 2.20 and 2.21.

    Args:
        model_proto: bytes, the serialized sentencepiece model.
        **options: arguments of `tensorflow_text.SentencepieceTokenizer`.
    """
    import tensorflow_text as tf_text
    from tensorflow_text.python.ops import sentencepiece_tokenizer as module

    class NamedModelResource(module._SentencepieceModelResource):
        def _create_resource(self) -> tf.Tensor:
            return module.gen_sentencepiece_tokenizer.sentencepiece_op(
                model=self._model,
                shared_name="tf_pegasus_" + hashlib.sha256(self._model).hexdigest(),
            )

    tokenizer = tf_text.SentencepieceTokenizer(model_proto, **options)
    tokenizer._model_resource = NamedModelResource(model_proto, None)
    return tokenizer


def current_callback_list(
    callback: keras.callbacks.Callback,
) -> keras.callbacks.CallbackList | None:
    """Returns the list of callbacks that is calling a method of `callback`, or None.

    Keras tells a callback its model, but not its neighbours. Relies on methods of `CallbackList`
    with the argument `self` being among the callers, seen in Keras 3.13 to 3.15.

    Args:
        callback: the callback whose method asks.
    """
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return caller
        frame = frame.f_back
    return None
