"""How much memory a training takes, by formula."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_pegasus.config.model import PegasusConfig

# Tensors that the gradient of a layer needs, counted in the layers' code: of the width of the
# model, and of the feed-forward layer, for each position. Scores are kept before and after the
# softmax and after dropout.
_ENCODER_TENSORS, _DECODER_TENSORS, _FEED_FORWARD_TENSORS, _SCORES = 14, 22, 3, 3
# Logits, their exponentials, and their gradient, in float32.
_LOGITS = 3
# TensorFlow's program of a step: measured, for all, and for each layer of both stacks.
_PROGRAM, _PROGRAM_OF_A_LAYER = 120_000_000, 20_000_000


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of a training step.

    Attributes:
        weights, gradients, optimizer, activations, program: int; the optimizer's with averages of
            weights.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    program: int

    @property
    def total(self) -> int:
        """int, the sum."""
        return sum(dataclasses.astuple(self))

    def __str__(self) -> str:
        parts = (f"{name} {_megabytes(count)}" for name, count in dataclasses.asdict(self).items())
        return f"about {_megabytes(self.total)} MB of memory a device ({', '.join(parts)})"


def estimate_memory(
    model: Any,
    batch_size: int,
    source_length: int,
    target_length: int,
    recomputes: bool = False,
    averages: bool = False,
) -> MemoryEstimate:
    """Estimates the memory that a training adds to that of TensorFlow itself, on a CPU.

    `tools/training_memory.py` compares it with measurements: it is within a factor of 1.5.

    Args:
        model: compiled model, whose optimizer is built.
        batch_size: int, examples that a device computes at once.
        source_length, target_length: int, the longest sequences.
        recomputes: bool, whether the layers compute their activations again (gradient
            checkpointing).
        averages: bool, whether there is a moving average of the weights.
    """
    trained = _bytes(model.trainable_variables)
    return MemoryEstimate(
        weights=_bytes(model.variables),
        # Those of the parts of a batch are added up.
        gradients=trained * (2 if model.micro_batches > 1 else 1),
        optimizer=_bytes(model.optimizer.variables) + (trained if averages else 0),
        activations=batch_size
        * _activations(
            model.config,
            source_length,
            target_length,
            _size_of(model.compute_dtype),
            recomputes,
        ),
        program=_PROGRAM
        + _PROGRAM_OF_A_LAYER * (model.config.encoder_layers + model.config.decoder_layers),
    )


def _activations(
    config: PegasusConfig, source: int, target: int, size: int, recomputes: bool
) -> int:
    """Returns the bytes for one example."""
    width = config.d_model
    encoder = source * (
        _ENCODER_TENSORS * width
        + _FEED_FORWARD_TENSORS * config.encoder_ffn_dim
        + _SCORES * config.encoder_attention_heads * source
    )
    decoder = target * (
        _DECODER_TENSORS * width
        + _FEED_FORWARD_TENSORS * config.decoder_ffn_dim
        + _SCORES * config.decoder_attention_heads * (source + target)
    )
    if recomputes:
        # What goes into each layer, and all of one layer at a time.
        encoder += config.encoder_layers * source * width
        decoder += config.decoder_layers * target * width
    else:
        encoder *= config.encoder_layers
        decoder *= config.decoder_layers
    return size * (encoder + decoder) + 4 * _LOGITS * target * config.vocab_size


def _bytes(variables):
    return sum(math.prod(v.shape) * _size_of(v.dtype) for v in variables)


def _size_of(dtype):
    return tf.as_dtype(dtype).size


def _megabytes(count):
    return f"{count / 1e6:,.0f}"
