import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import SENTENCES

from tf_pegasus import GenerationConfig, Summarizer, TFPegasusForConditionalGeneration
from tf_pegasus.data.dataset import (
    Examples,
    steps_per_epoch,
    training_dataset,
    validation_dataset,
)
from tf_pegasus.data.readers import read_records, write_jsonl
from tf_pegasus.models.losses import masked_cross_entropy
from tf_pegasus.training.optimizers import create_optimizer
from tf_pegasus.training.train import TrainingArguments, train

RECORDS = [
    {"document": f"{sentence} It is number {n}.", "summary": " ".join(sentence.split()[:3])}
    for n in range(8)
    for sentence in SENTENCES
]


# The built-in loss


def test_loss_ignores_minus_100_and_averages_the_rest():
    logits = np.random.default_rng(0).normal(size=(2, 3, 5)).astype("float32")
    labels = np.array([[1, 4, -100], [2, -100, -100]])
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.mean([log_probs[0, 0, 1], log_probs[0, 1, 4], log_probs[1, 0, 2]])
    np.testing.assert_allclose(masked_cross_entropy(labels, logits), expected, rtol=1e-6)
    smooth = -np.mean([log_probs[0, 0].mean(), log_probs[0, 1].mean(), log_probs[1, 0].mean()])
    np.testing.assert_allclose(
        masked_cross_entropy(labels, logits, 0.1), 0.9 * expected + 0.1 * smooth, rtol=1e-6
    )


def test_loss_of_nothing_is_zero():
    assert float(masked_cross_entropy(np.full((2, 3), -100), np.zeros((2, 3, 5), "float32"))) == 0


# fit


def dataset(batch):
    return tf.data.Dataset.from_tensor_slices(batch).batch(3)


@pytest.mark.parametrize("style", ["inside", "y"])
def test_fit_without_a_loss(model, batch, style):
    model.compile(keras.optimizers.Adam(0.01))
    if style == "inside":
        history = model.fit(dataset(batch), epochs=30, verbose=0, validation_data=dataset(batch))
    else:
        x = {name: batch[name] for name in ("input_ids", "attention_mask")}
        history = model.fit(
            x, batch["labels"], epochs=30, verbose=0, validation_data=(x, batch["labels"])
        )
    losses = history.history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert history.history["val_loss"][-1] < losses[0]
    np.testing.assert_allclose(model.evaluate(batch, verbose=0), model(batch).loss, rtol=1e-4)


def test_fit_with_a_loss_and_a_metric_of_ones_own(model, batch):
    def loss(labels, logits):
        return masked_cross_entropy(labels, logits)

    def accuracy(labels, logits):
        right = tf.cast(tf.argmax(logits, -1) == tf.cast(labels, tf.int64), tf.float32)
        return tf.reduce_mean(right)

    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=[accuracy])
    history = model.fit(dataset(batch), epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history["accuracy"][-1] > history["accuracy"][0]


def test_fit_without_labels(model, batch):
    model.compile("adam")
    batch.pop("labels")
    with pytest.raises(ValueError, match="labels are missing"):
        model.fit(dataset(batch), verbose=0)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_fit_in_mixed_precision(config, batch, policy):
    model = TFPegasusForConditionalGeneration(config, dtype=policy)
    model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(dataset(batch), epochs=25, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.6 * losses[0]


def test_label_smoothing_only_while_training(config, batch):
    config.label_smoothing = 0.5
    config.dropout = 0.0
    model = TFPegasusForConditionalGeneration(config)
    assert float(model(batch, training=True).loss) != float(model(batch).loss)
    model.config.label_smoothing = 0.0
    assert float(model(batch, training=True).loss) == float(model(batch).loss)


# Batches


@pytest.fixture
def examples(tokenizer):
    return Examples(RECORDS, tokenizer, 24, 8)


def test_an_epoch_has_every_example_once(examples):
    batches = examples.epoch(0, 5, seed=1)
    assert len(batches) == steps_per_epoch(examples, 5)
    assert sorted(np.concatenate(batches)) == list(range(len(RECORDS)))
    other = examples.epoch(1, 5, seed=1)
    assert [b.tolist() for b in other] != [b.tolist() for b in batches]


def test_batches_are_padded_and_cut(examples):
    batch = examples.batch([0, 1, 9])
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["input_ids"].shape[1] <= 24
    assert batch["labels"].shape == (3, 8)
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
        assert ids[mask.sum() - 1] == 1
        assert (ids[mask.sum() :] == 0).all()
    assert set(batch["labels"][:, -1]) <= {1, -100}


def test_training_dataset_goes_on_where_it_stopped(examples):
    whole = list(training_dataset(examples, 6, seed=2).take(30))
    rest = list(training_dataset(examples, 6, seed=2, start_step=17).take(13))
    for a, b in zip(whole[17:], rest, strict=True):
        np.testing.assert_array_equal(a["input_ids"], b["input_ids"])


def test_validation_dataset_has_every_example(examples):
    rows = sum(len(batch["input_ids"]) for batch in validation_dataset(examples, 10))
    assert rows == len(RECORDS)


def test_no_examples(tokenizer):
    with pytest.raises(ValueError, match="no example"):
        Examples([], tokenizer, 10, 10)


# Readers


def test_jsonl_and_csv_read_alike(tmp_path):
    records = [
        {"document": 'a "b",\nc \u2028 d', "summary": "e"},
        {"document": "f", "summary": "g"},
    ]
    write_jsonl(tmp_path / "a.jsonl", records)
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["document", "summary"])
        writer.writeheader()
        writer.writerows(records)
    assert list(read_records(tmp_path / "a.jsonl")) == records
    assert list(read_records(tmp_path / "a.csv")) == records


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"document": "x", "summary": "y"}\n{"document"', "line 2: not JSON"),
        ("a.jsonl", b"[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", b'{"document": "x"}\n', "line 1: field 'summary'"),
        ("a.jsonl", b'{"document": "  ", "summary": "y"}\n', "line 1: field 'document'"),
        ("a.jsonl", b'{"document": "\xff"}\n', "not UTF-8"),
        ("a.csv", b"document,text\nx,y\n", "line 2: field 'summary'"),
        ("a.txt", b"x", "unknown ending '.txt'"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(read_records(tmp_path / name))


# Optimizers


def test_cosine_schedule_rises_and_falls():
    rate = create_optimizer("adamw", 0.1, "cosine", 10, 110)._learning_rate
    assert float(rate(0)) == 0
    np.testing.assert_allclose([rate(10), rate(60), rate(110)], [0.1, 0.05, 0.0], atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "sgd"}, "optimizer='sgd'"),
        ({"schedule": "step"}, "schedule='step'"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"warmup_steps": -1}, "warmup_steps=-1"),
        ({"schedule": "cosine", "warmup_steps": 10, "total_steps": 10}, "total_steps=10"),
    ],
)
def test_bad_optimizers(arguments, message):
    with pytest.raises(ValueError, match=message):
        create_optimizer(**arguments)


# train


@pytest.fixture
def arguments(tmp_path):
    write_jsonl(tmp_path / "train.jsonl", RECORDS)
    write_jsonl(tmp_path / "validation.jsonl", RECORDS[:8])
    return {
        "train_file": str(tmp_path / "train.jsonl"),
        "validation_file": str(tmp_path / "validation.jsonl"),
        "output_dir": str(tmp_path / "run"),
        "vocab_size": 105,
        "d_model": 16,
        "layers": 1,
        "heads": 2,
        "ffn_dim": 32,
        "max_source_length": 64,
        "max_target_length": 16,
        "epochs": 3,
        "batch_size": 16,
        "eval_steps": 3,
        "optimizer": "adamw",
        "learning_rate": 0.003,
        "num_beams": 2,
    }


@pytest.mark.slow
def test_train_saves_a_model_that_summarizes_and_resumes_after_a_kill(
    arguments, tmp_path, monkeypatch
):
    whole = train(TrainingArguments(**arguments))
    assert len(whole["val_loss"]) == 4
    assert whole["val_loss"][-1] < whole["val_loss"][0]
    assert Summarizer.from_pretrained(arguments["output_dir"]).summarize(["The fox."])[0].text
    best = TFPegasusForConditionalGeneration.from_pretrained(arguments["output_dir"])
    stored = GenerationConfig.from_pretrained(arguments["output_dir"])
    assert (stored.num_beams, stored.max_length, stored.forced_eos_token_id) == (2, 16, 1)
    assert stored.extra == {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}

    # The same run, killed in its third interval, before anything of that is saved.
    class Killed(BaseException):
        pass

    def kill(self, epoch, logs=None):
        if epoch == 2:
            raise Killed

    second = {**arguments, "output_dir": str(tmp_path / "second")}
    with monkeypatch.context() as patch:
        patch.setattr("tf_pegasus.training.callbacks.SaveBest.on_epoch_begin", kill, raising=False)
        with pytest.raises(Killed):
            train(TrainingArguments(**second))
    resumed = train(TrainingArguments(**second))
    np.testing.assert_allclose(resumed["val_loss"], whole["val_loss"][2:], rtol=1e-5)
    again = TFPegasusForConditionalGeneration.from_pretrained(second["output_dir"])
    for a, b in zip(best.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    log = (tmp_path / "second" / "training" / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["epoch", "0", "1", "2", "3"]
    # Once more: there is nothing left to do, and nothing is undone.
    assert train(TrainingArguments(**second)) == {}


@pytest.mark.slow
def test_fine_tuning_starts_from_the_models_weights(arguments, model_directory, tmp_path):
    changes = {"model": str(model_directory), "max_source_length": 32, "max_target_length": 8}
    train(TrainingArguments(**{**arguments, **changes, "epochs": 1, "learning_rate": 1e-6}))
    before = TFPegasusForConditionalGeneration.from_pretrained(model_directory)
    after = TFPegasusForConditionalGeneration.from_pretrained(arguments["output_dir"])
    assert after.config.d_model == before.config.d_model
    for a, b in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 9000}, "vocab_size=9000 cannot be trained"),
        ({"schedule": "cosine", "warmup_steps": 1000}, "more than warmup_steps=1000"),
        ({"heads": 3}, "heads=3 must divide"),
        ({"model": "/nowhere"}, "nowhere"),
    ],
)
def test_arguments_that_fail_leave_nothing_behind(arguments, tmp_path, change, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train(TrainingArguments(**{**arguments, **change}))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"train.jsonl", "validation.jsonl"}


def test_lengths_beyond_the_models_positions(arguments, model_directory):
    with pytest.raises(ValueError, match=r"max_source_length=64 .* max_position_embeddings=48"):
        train(TrainingArguments(**{**arguments, "model": str(model_directory)}))


def test_too_long_sequences_in_fit(model):
    model.compile("adam", jit_compile=False)
    rows = tf.ragged.constant([[2] * 40, [3] * 5], tf.int32)
    data = tf.data.Dataset.from_tensor_slices(rows).map(
        lambda row: {"input_ids": row, "labels": row[:3]}
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="max_position_embeddings=32"):
        model.fit(data.padded_batch(2), verbose=0)


def test_train_refuses_a_directory_of_another_run(arguments, tmp_path):
    run = tmp_path / "run" / "training"
    run.mkdir(parents=True)
    (run / "arguments.json").write_text(json.dumps({"batch_size": 999}))
    with pytest.raises(ValueError, match="holds a run with other arguments"):
        train(TrainingArguments(**arguments))
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("x")
    with pytest.raises(ValueError, match="no training run"):
        train(TrainingArguments(**{**arguments, "output_dir": str(other)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"epochs": -1}, "epochs=-1"),
        ({"eval_steps": 0}, "eval_steps=0"),
        ({"precision": "float8"}, "precision='float8'"),
        ({"weights_dtype": "int8"}, "weights_dtype='int8'"),
        ({"model": "a", "vocab_file": "b"}, "exclude each other"),
    ],
)
def test_bad_training_arguments(arguments, change, message):
    with pytest.raises(ValueError, match=message):
        TrainingArguments(**{**arguments, **change})
