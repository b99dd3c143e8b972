"""One program whose beams, length and penalty change from call to call, against `generate`."""

import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus.generation.decoding import RuntimeOptions

MOST = {"num_beams": 6, "max_length": 20}
VALUES = [(1, 20, 0.8), (2, 9, -1.0), (3, 20, 2.0), (5, 13, 0.0)]


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": False},
        {"early_stopping": "never", "no_repeat_ngram_size": 2},
        {"early_stopping": True, "forced_eos_token_id": 1, "min_length": 4},
        {"length_penalty_type": "gnmt"},
    ],
    ids=str,
)
def test_it_finds_what_generate_finds(goldens, options):
    golden = goldens["tiny-relu"]
    ids, mask = (tf.constant(golden.source[n], tf.int32) for n in ("input_ids", "attention_mask"))
    settings = golden.model.generation_config.updated(
        **MOST, **options, num_return_sequences=6, return_dict_in_generate=True
    )
    scalars = [tf.TensorSpec((), dtype) for dtype in (tf.int32, tf.int32, tf.float32)]

    @tf.function(input_signature=scalars, autograph=False)
    def search(num_beams, max_length, length_penalty):
        runtime = RuntimeOptions(num_beams, max_length, length_penalty)
        return golden.model.search(ids, mask, settings, runtime)

    for num_beams, max_length, length_penalty in VALUES:
        if num_beams == 1 and "length_penalty_type" in options:
            continue  # greedy search scores what is not finished otherwise than the authors
        sequences, scores = search(num_beams, max_length, length_penalty)
        expected = golden.model.generate(
            ids,
            mask,
            engine="graph",
            num_beams=num_beams,
            max_length=max_length,
            length_penalty=length_penalty,
            num_return_sequences=1,
            return_dict_in_generate=True,
            **options,
        )
        best = sequences.numpy().reshape(len(ids), 6, 20)[:, 0]
        length = expected.sequences.shape[1]
        np.testing.assert_array_equal(best[:, :length], expected.sequences)
        assert not best[:, length:].any()
        scores = scores.numpy().reshape(len(ids), 6)
        np.testing.assert_allclose(scores[:, 0], expected.sequences_scores, atol=1e-4)
        # The beams that are not used have found nothing.
        assert (scores[:, num_beams:] == -1e9).all()
    assert search.experimental_get_tracing_count() == 1
