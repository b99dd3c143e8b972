"""When outputs end, besides the ids that end them.

A criterion maps `(sequences, length, scores)` to bool `(rows,)`. The arguments are those of a
processor, see `tf_pegasus.generation.logits_processors`, but the last token is already in the
sequences, and `scores` are those that it was chosen by.
"""

import tensorflow as tf

from tf_pegasus.generation.hooks import as_criterion
from tf_pegasus.utils.compat import is_in_xla_context


def stopping_criteria(options, value_of, hooks):
    """Returns the criteria that the options and the caller request.

    Args:
        options: `GenerationConfig`.
        value_of: see `SearchFacts`.
        hooks: `Hooks`.

    Raises:
        ValueError: if a time limit is set in an XLA program.
    """
    criteria = [as_criterion(function) for function in hooks.stopping_criteria]
    if options.max_time is not None:
        criteria.append(stop_at_time(*value_of("max_time")))
    return criteria


def stop_at_time(max_time):
    """Stops all outputs `max_time` seconds from now.

    Raises:
        ValueError: in an XLA program, which cannot read a clock.
    """
    if is_in_xla_context():
        raise ValueError("max_time needs a clock, which XLA lacks: use engine='graph' or 'eager'")
    deadline = tf.timestamp() + tf.cast(max_time, tf.float64)

    def stops(sequences, length, scores):
        # The clock is read once the token is there.
        with tf.control_dependencies([sequences]):
            is_late = tf.timestamp() >= deadline
        return tf.fill(tf.shape(sequences)[:1], is_late)

    return stops
