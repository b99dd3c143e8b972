"""Each test fails if a new TensorFlow or Keras has changed what `compat` relies on."""

import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

from tf_pegasus.utils import compat


def test_xla_context_is_seen_inside_a_compiled_function_only():
    seen = {}

    def look(name):
        def function():
            seen[name] = compat.is_in_xla_context()
            return tf.constant(0)

        return function

    look("eager")()
    tf.function(look("graph"))()
    tf.function(look("xla"), jit_compile=True)()
    assert seen == {"eager": False, "graph": False, "xla": True}


def test_xla_context_is_seen_in_a_loop_of_a_compiled_function():
    seen = []

    @tf.function(jit_compile=True, autograph=False)
    def loop():
        def body(i):
            seen.append(compat.is_in_xla_context())
            return i + 1

        return tf.while_loop(lambda i: i < 2, body, [tf.constant(0)])

    loop()
    assert all(seen)


def test_weight_is_added_to_a_built_layer_that_stays_locked():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    weight = compat.add_weight(layer, "extra", tf.ones((4,)), "float32", trainable=False)
    assert any(weight is known for known in layer.non_trainable_weights)
    np.testing.assert_array_equal(weight, np.ones(4))
    with np.testing.assert_raises(ValueError):
        layer.another = layer.add_weight(name="another", shape=())


def test_a_weight_is_replaced_by_one_of_another_shape():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    compat.replace_weight(layer, "bias", tf.zeros((5,)))
    assert {tuple(weight.shape) for weight in layer.trainable_weights} == {(3, 2), (5,)}


def test_paths_of_parts_begin_with_the_layer_whose_scope_is_open():
    class Outer(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            with compat.name_scope(self):
                self.inner = keras.layers.Dense(2, name="inner")
                self.inner.build((None, 3))

    class Outermost(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            with compat.name_scope(self):
                self.part = Outer(name="part")

    layer = Outermost(name="whole")
    assert layer.part.inner.bias.path == "whole/part/inner/bias"
    assert compat.scope_path(layer) == "whole"
    assert compat.scope_path(layer.part) == "whole/part"
    # Also of weights that are added later.
    compat.replace_weight(layer.part.inner, "bias", tf.zeros((5,)))
    assert layer.part.inner.bias.path == "whole/part/inner/bias"


def test_an_initializer_is_replaced_before_the_variable_has_a_value():
    with keras.StatelessScope():
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
        compat.set_initializer(layer.kernel, lambda shape, dtype=None: np.full(shape, 7, dtype))
    np.testing.assert_array_equal(layer.kernel, np.full((3, 2), 7))


def test_all_layers_are_found_at_any_depth():
    inner = keras.Sequential([keras.layers.Dense(1)])
    outer = keras.Sequential([inner])
    outer.build((None, 2))
    assert inner.layers[0] in compat.all_layers(outer)


def test_the_tokenizer_in_the_graph_survives_a_new_seed(vocab_file):
    tokenizer = compat.sentencepiece_tokenizer(vocab_file.read_bytes(), out_type=tf.int32)
    before = tokenizer.tokenize(["a small program"]).to_list()
    keras.utils.set_random_seed(7)
    assert tokenizer.tokenize(["a small program"]).to_list() == before


def test_tensorflow_runs_once_something_was_computed():
    code = (
        "import tf_pegasus.models, tensorflow as tf; from tf_pegasus.utils.compat import is_running"
        "; before = is_running(); tf.constant(1); print(before, is_running())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


def test_a_callback_finds_the_list_that_calls_it():
    found = []

    class Asking(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            found.append(compat.current_callback_list(self))

    callback = Asking()
    callbacks = keras.callbacks.CallbackList([callback])
    callbacks.on_train_begin()
    callback.on_train_begin()
    assert found == [callbacks, None]
