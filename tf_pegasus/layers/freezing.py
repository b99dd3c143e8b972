"""Which weights of a layer are frozen, for saving and loading.

Keras saves whether a layer is trainable, but not whether its parts are.
"""

from collections.abc import Iterable

import keras

from tf_pegasus.layers.dense import PegasusDense
from tf_pegasus.utils.compat import all_layers, scope_path

_ADAPTER_WEIGHTS = 2


def frozen_weights(layer: keras.layers.Layer) -> list[str]:
    """Returns the paths of a layer's frozen weights, relative to the layer.

    Files hold adapters merged into their kernels. Therefore kernels that have one are left out,
    and so is everything that is frozen because only adapters are trained. Weights that were made
    outside of the layer, such as a shared embedding, are left out, too.
    """
    adapted = [
        part for part in all_layers(layer) if isinstance(part, PegasusDense) and part.lora_enabled
    ]
    if adapted and len(layer.trainable_weights) == _ADAPTER_WEIGHTS * len(adapted):
        return []
    kernels = {id(part.kernel_variable()) for part in adapted}
    return [
        path
        for path, weight in _own_weights(layer)
        if not weight.trainable and id(weight) not in kernels
    ]


def freeze_weights(layer: keras.layers.Layer, paths: Iterable[str]) -> None:
    """Freezes the weights with these relative paths, and layers that have no others."""
    paths = set(paths)
    for path, weight in _own_weights(layer):
        if path in paths:
            weight.trainable = False
    if paths:
        # A layer that counted as trainable could not be thawed: see `freeze_if_constructed_so`.
        for part in all_layers(layer):
            if part.weights and not any(weight.trainable for weight in part.weights):
                part.trainable = False


def freeze_if_constructed_so(layer: keras.layers.Layer) -> None:
    """Freezes all parts of a layer that was constructed with `trainable=False`.

    Keras freezes the parts that exist when `trainable` is set, which are none in a constructor.
    """
    if not layer.trainable:
        # TensorFlow skips assignments that change nothing.
        layer.trainable = True
        layer.trainable = False


def _own_weights(layer):
    prefix = f"{scope_path(layer)}/"
    return [
        (weight.path.removeprefix(prefix), weight)
        for weight in layer.weights
        if weight.path.startswith(prefix)
    ]
