import numpy as np
import pytest
from helpers.tiny import SENTENCES

from tf_pegasus.data.dataset import (
    Examples,
    steps_per_epoch,
    training_dataset,
    validation_dataset,
)

RECORDS = [
    {"document": f"{sentence} It is number {n}.", "summary": " ".join(sentence.split()[:3])}
    for n in range(8)
    for sentence in SENTENCES
]


@pytest.fixture
def examples(tokenizer):
    return Examples(RECORDS, tokenizer, 24, 8)


def test_an_epoch_has_every_example_once(examples):
    batches = examples.epoch(0, 5, seed=1)
    assert len(batches) == steps_per_epoch(examples, 5)
    assert sorted(np.concatenate(batches)) == list(range(len(RECORDS)))
    other = examples.epoch(1, 5, seed=1)
    assert [b.tolist() for b in other] != [b.tolist() for b in batches]


def test_batches_are_padded_and_truncated(examples):
    batch = examples.batch([0, 1, 9])
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["input_ids"].shape[1] <= 24
    assert batch["labels"].shape == (3, 8)
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
        assert ids[mask.sum() - 1] == 1
        assert (ids[mask.sum() :] == 0).all()
    assert set(batch["labels"][:, -1]) <= {1, -100}


def test_training_dataset_resumes_at_a_step(examples):
    whole = list(training_dataset(examples, 6, seed=2).take(30))
    rest = list(training_dataset(examples, 6, seed=2, start_step=17).take(13))
    for a, b in zip(whole[17:], rest, strict=True):
        np.testing.assert_array_equal(a["input_ids"], b["input_ids"])


def test_validation_dataset_has_every_example(examples):
    rows = sum(len(batch["input_ids"]) for batch in validation_dataset(examples, 10))
    assert rows == len(RECORDS)


def test_no_examples(tokenizer):
    with pytest.raises(ValueError, match="no examples"):
        Examples([], tokenizer, 10, 10)
