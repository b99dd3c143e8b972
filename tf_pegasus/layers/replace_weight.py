"""Giving a built layer a weight of another shape, which Keras does not foresee."""

import tensorflow as tf


def replace_weight(layer, attribute, value):
    """Replaces the weight at `layer.attribute` by a new one that starts as `value`.

    Optimizers and traced functions that know the old one must be made anew.
    """
    old = getattr(layer, attribute)
    delattr(layer, attribute)
    locked = layer._tracker.locked
    layer._tracker.unlock()
    new = layer.add_weight(
        name=attribute,
        shape=value.shape,
        initializer=lambda shape, dtype=None: tf.cast(value, dtype),
        dtype=old.dtype,
        trainable=old.trainable,
        autocast=False,
    )
    setattr(layer, attribute, new)
    if locked:
        layer._tracker.lock()
