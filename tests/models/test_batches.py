import numpy as np
import pytest

from tf_pegasus import TFPegasusForConditionalGeneration, TFPegasusModel

ROWS = [
    {"input_ids": [5 + i] * (3 + i % 3), "labels": [7] * (1 + i % 2), "document": "x"}
    for i in range(5)
]


class Columns:
    """The parts of a `datasets.Dataset` that are used."""

    def __len__(self):
        return len(ROWS)

    def __getitem__(self, index):
        assert isinstance(index, int)
        return ROWS[index]


@pytest.mark.parametrize("dataset", [ROWS, Columns()])
def test_rows_are_batched_in_order_and_padded(model, tokenizer, dataset):
    batches = list(
        model.prepare_tf_dataset(dataset, batch_size=2, shuffle=False, tokenizer=tokenizer)
    )
    assert [len(labels) for _, labels in batches] == [2, 2, 1]
    inputs, labels = batches[0]
    assert set(inputs) == {"input_ids", "attention_mask"}
    np.testing.assert_array_equal(inputs["input_ids"], [[5, 5, 5, 0], [6, 6, 6, 6]])
    np.testing.assert_array_equal(inputs["attention_mask"], [[1, 1, 1, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(labels, [[7, -100], [7, 7]])


def test_shuffled_rows_have_a_new_order_in_each_epoch(model, tokenizer):
    rows = ROWS * 6
    model.tokenizer = tokenizer
    dataset = model.prepare_tf_dataset(rows, batch_size=4)
    epochs = [
        np.concatenate([inputs["input_ids"][:, 0] for inputs, _ in dataset]) for _ in range(2)
    ]
    # The last, smaller batch is dropped.
    assert [len(epoch) for epoch in epochs] == [28, 28]
    assert not np.array_equal(*epochs)
    whole = model.prepare_tf_dataset(rows, batch_size=4, drop_remainder=False)
    seen = np.concatenate([inputs["input_ids"][:, 0] for inputs, _ in whole])
    assert sorted(seen) == sorted(row["input_ids"][0] for row in rows)


def test_the_model_trains_on_it(model, tokenizer):
    dataset = model.prepare_tf_dataset(ROWS, batch_size=2, tokenizer=tokenizer)
    model.compile("sgd", run_eagerly=True)
    assert np.isfinite(model.fit(dataset, verbose=0).history["loss"]).all()


def test_a_collating_function_takes_the_place_of_padding(model):
    def collate(rows, width):
        return {"input_ids": np.array([row["input_ids"][:width] for row in rows])}

    dataset = model.prepare_tf_dataset(
        ROWS, 2, shuffle=False, collate_fn=collate, collate_fn_args={"width": 2}, prefetch=False
    )
    np.testing.assert_array_equal(next(iter(dataset)), [[5, 5], [6, 6]])


def test_rows_that_make_no_batch(config):
    model = TFPegasusForConditionalGeneration(config)
    with pytest.raises(ValueError, match="input_ids has rows of different lengths: give a token"):
        model.prepare_tf_dataset(ROWS)
    with pytest.raises(ValueError, match="dataset has no examples"):
        model.prepare_tf_dataset([])
    with pytest.raises(ValueError, match=r"columns \['document'\], none of which is an input"):
        model.prepare_tf_dataset([{"document": "x"}])
    # The bare model has no labels.
    rows = [{"input_ids": [5, 6], "labels": [7]}]
    inputs = next(iter(TFPegasusModel(config).prepare_tf_dataset(rows, 1)))
    assert set(inputs) == {"input_ids", "attention_mask"}
