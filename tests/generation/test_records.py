"""The records of every step compared with the reference implementation."""

import numpy as np
import pytest
from helpers.generation import RECORDS, up_to_eos
from helpers.tiny import GOLDENS

RECORD_CASES = {
    "greedy": {"num_beams": 1, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2},
    "beams": {"num_beams": 3, "num_return_sequences": 2, "min_length": 4},
    "prompt": {"num_beams": 2, "decoder_input_ids": np.array([[0, 7, 9], [0, 11, 5]])},
}


def generate_records(golden, name, engine):
    source = {key: value[:2] for key, value in golden.source.items()}
    return golden.model.generate(
        source, max_length=7, engine=engine, **RECORDS, **RECORD_CASES[name]
    )


def flat(outputs):
    """Returns the fields as a dict of arrays with the names of the golden ones."""
    arrays = {}
    for field, value in outputs.items():
        if not isinstance(value, tuple):
            arrays[field] = value
            continue
        for step, entry in enumerate(value):
            if isinstance(entry, tuple):
                arrays.update({f"{field}:{step}:{i}": layer for i, layer in enumerate(entry)})
            else:
                arrays[f"{field}:{step}"] = entry
    return {key: np.asarray(value) for key, value in arrays.items()}


@pytest.mark.parametrize("engine", ["eager", "graph", "xla"])
@pytest.mark.parametrize("name", RECORD_CASES)
def test_records_equal_the_reference(goldens, name, engine):
    reference = np.load(GOLDENS / "records.npz")
    ours = flat(generate_records(goldens["tiny-gelu"], name, engine))
    expected = {
        key.removeprefix(f"{name}:"): value
        for key, value in reference.items()
        if key.startswith(f"{name}:")
    }
    ours.pop("sequences_scores")
    assert set(ours) == set(expected)
    assert up_to_eos(ours.pop("sequences")) == up_to_eos(expected.pop("sequences"))
    for key, value in expected.items():
        np.testing.assert_allclose(ours[key], value, atol=1e-4, err_msg=key)
