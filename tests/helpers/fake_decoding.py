"""Searches over a fake language model: a table of next-token scores."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_pegasus import GenerationConfig
from tf_pegasus.generation.decoding import Decoding

PAD, EOS = 0, 1


class SeenTokens(NamedTuple):
    """A cache that records the tokens its beams have seen: int32 `(batch, beams, length)`."""

    tokens: tf.Tensor

    def reordered(self, beam_indices):
        return SeenTokens(tf.gather(self.tokens, beam_indices, axis=1, batch_dims=1))


class Decoded(NamedTuple):
    cache: SeenTokens


class FakeDecoding(Decoding):
    """A `Decoding` whose logits come from a function instead of a model.

    Args:
        table: function `(row, tokens)` of the index of a source and a tuple of the ids that follow
            the start token; returns `(vocab_size,)` logits.
        rows: int, number of sources.
        empty_rows: indices of the sources whose mask is all zero.
        seed: seed for sampling.
        hooks: see `Decoding`.
        **options: of `GenerationConfig`.
    """

    def __init__(self, table, rows=1, empty_rows=(), seed=0, hooks=None, **options):
        mask = np.ones((rows, 1), "int32")
        mask[list(empty_rows)] = 0
        encoder = {"last_hidden_state": None}
        decoder = SimpleNamespace(prepare=lambda *inputs, **masks: None)
        model = SimpleNamespace(
            get_encoder=lambda: lambda *inputs, **options: encoder,
            get_decoder=lambda: decoder,
        )
        super().__init__(
            model,
            {
                "input_ids": tf.constant(mask),
                "attention_mask": tf.constant(mask),
                "prompt": tf.zeros((rows, 1), tf.int32),
                "seed": tf.constant([seed, 0]),
            },
            GenerationConfig(**{"eos_token_id": EOS, "pad_token_id": PAD, **options}),
            hooks,
        )
        self.table = table

    def first_cache(self):
        return SeenTokens(tf.zeros((self.batch, self.beams, self.options.max_length), tf.int32))

    def step(self, sequences, length, cache):
        # Fails if a search reorders its cache wrongly.
        np.testing.assert_array_equal(cache.tokens[..., : length - 1], sequences[..., : length - 1])
        logits = [
            [self.table(row, tuple(tokens[1 : int(length)])) for tokens in beams]
            for row, beams in enumerate(sequences.numpy().tolist())
        ]
        return tf.constant(np.array(logits, "float32")), Decoded(SeenTokens(sequences))


def by_hand(continuations, vocab_size=6):
    """Returns a table from `{tokens: {next token: probability}}`; other prefixes end with eos."""

    def table(row, tokens):
        probabilities = np.full(vocab_size, 1e-30)
        for token, probability in continuations.get(tokens, {EOS: 1.0}).items():
            probabilities[token] = probability
        return np.log(probabilities)

    return table


def at_random(seed, vocab_size=6):
    """Returns a table with a random distribution for each source and prefix."""

    def table(row, tokens):
        random = np.random.default_rng([seed, row, len(tokens), *tokens])
        return random.normal(size=vocab_size).astype("float32") * 1.5

    return table


def log_softmax(logits):
    logits = np.asarray(logits, "float64")
    return logits - np.logaddexp.reduce(logits)


def all_hypotheses(table, row, steps):
    """Returns `{tokens: sum of log-probabilities}` of all with eos at the end or `steps` tokens."""
    found, open_ends = {}, {(): 0.0}
    for step in range(1, steps + 1):
        longer = {}
        for tokens, total in open_ends.items():
            for token, gain in enumerate(log_softmax(table(row, tokens))):
                ends = token == EOS or step == steps
                (found if ends else longer)[(*tokens, token)] = total + gain
        open_ends = longer
    return found


def padded(tokens, max_length):
    """Returns ids as a search returns them: the start token, the tokens, pad."""
    return [PAD, *tokens, *[PAD] * (max_length - 1 - len(tokens))]
