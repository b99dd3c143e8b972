import numpy as np
import tensorflow as tf
from helpers.generation import RECORDS


def test_nothing_is_recorded_by_default(model):
    plain = model.generate(np.array([[5, 6]]), engine="eager", return_dict_in_generate=True)
    assert list(plain) == ["sequences", "sequences_scores"]
    ids = model.generate(np.array([[5, 6]]), engine="eager", output_scores=True)
    np.testing.assert_array_equal(ids, plain.sequences)


def test_records_inside_a_function_have_all_steps(model):
    @tf.function
    def function(ids):
        return model.generate(ids, num_beams=2, max_length=6, **RECORDS)

    outputs = function(tf.constant([[5, 6, 7]]))
    assert outputs.sequences.shape == (1, 6)
    assert len(outputs.scores) == len(outputs.decoder_attentions) == 5
    assert outputs.decoder_attentions[2][0].shape == (2, 2, 1, 3)
