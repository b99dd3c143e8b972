"""Giving a built layer other weights than it was built with, which Keras does not foresee."""

import tensorflow as tf


def replace_weight(layer, attribute, value, dtype=None, trainable=None):
    """Replaces the weight at `layer.attribute` by a new one that starts as `value`.

    Optimizers and traced functions that know the old one must be made anew.

    Args:
        layer: built Keras layer.
        attribute: str.
        value: tensor, of any shape.
        dtype, trainable: of the new weight; by default the old one's.
    """
    old = getattr(layer, attribute)
    delattr(layer, attribute)
    dtype = old.dtype if dtype is None else dtype
    trainable = old.trainable if trainable is None else trainable
    setattr(layer, attribute, add_weight(layer, attribute, value, dtype, trainable))


def add_weight(layer, name, value, dtype, trainable):
    """Gives a layer that is built one more weight, which starts as `value`."""
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
