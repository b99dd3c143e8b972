import keras
import numpy as np
import pytest
from helpers.tiny import SENTENCES, tiny_config

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.evaluation import RougeCallback
from tf_pegasus.evaluation.rouge import METRICS, rouge

# Easy to learn by heart.
RECORDS = [{"document": text, "summary": "the lazy dog"} for text in SENTENCES]
NAMES = [f"val_{metric}" for metric in METRICS]
OPTIONS = {"num_beams": 1, "max_length": 12}


@pytest.fixture
def fit():
    """Fits a small model, for tests that do not look at summaries."""

    class Small(keras.Sequential):
        def checked_tokenizer(self, tokenizer):
            return tokenizer

    def run(callbacks, epochs):
        model = Small([keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        data = np.ones((2, 1))
        return model.fit(data, data, epochs=epochs, verbose=0, callbacks=callbacks).history

    return run


class Recorder(keras.callbacks.Callback):
    """Keeps what a callback at its place in the list sees."""

    def __init__(self):
        super().__init__()
        self.logs, self.begins = [], 0

    def on_train_begin(self, logs=None):
        self.begins += 1

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))


@pytest.mark.slow
def test_scores_are_those_of_the_current_weights(tokenizer):
    keras.utils.set_random_seed(3)
    config = tiny_config(vocab_size=len(tokenizer), max_position_embeddings=64, dropout=0.0)
    model = TFPegasusForConditionalGeneration(config)
    model.tokenizer = tokenizer
    model.compile(keras.optimizers.SGD(0.5), jit_compile=False)
    encoding = tokenizer(SENTENCES, padding=True, return_tensors="np")
    labels = tokenizer([record["summary"] for record in RECORDS], return_tensors="np")["input_ids"]
    found = []

    def summarize(epoch, logs):
        texts = model.summarize(SENTENCES[:4], engine="graph", **OPTIONS)
        found.append(rouge(texts, [record["summary"] for record in RECORDS[:4]]))

    callback = RougeCallback(RECORDS, max_samples=4, **OPTIONS)
    history = model.fit(
        {**encoding, "labels": labels},
        epochs=3,
        batch_size=1,
        verbose=0,
        callbacks=[callback, keras.callbacks.LambdaCallback(on_epoch_end=summarize)],
    ).history
    for name, metric in zip(NAMES, METRICS, strict=True):
        assert history[name] == pytest.approx([scores[metric] for scores in found])
    # The weights, and so the summaries, change from epoch to epoch.
    assert max(history["val_rougeL"]) > min(history["val_rougeL"]) + 20


@pytest.mark.parametrize("is_first", [True, False])
def test_other_callbacks_can_monitor_wherever_they_are_listed(fit, tmp_path, monkeypatch, is_first):
    scores = iter([1.0, 3.0, 2.0, 2.5, 9.0])

    def log(self, epoch, logs):
        logs["val_rougeL"] = next(scores)

    monkeypatch.setattr(RougeCallback, "on_epoch_end", log)
    recorder = Recorder()
    saved = tmp_path / "{epoch}-{val_rougeL:.1f}.weights.h5"
    others = [
        recorder,
        keras.callbacks.ModelCheckpoint(
            str(saved), monitor="val_rougeL", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.EarlyStopping(monitor="val_rougeL", patience=2),
    ]
    callback = RougeCallback(RECORDS)
    history = fit([callback, *others] if is_first else [*others, callback], epochs=5)
    assert history["val_rougeL"] == [1.0, 3.0, 2.0, 2.5]
    assert [logs["val_rougeL"] for logs in recorder.logs] == history["val_rougeL"]
    assert recorder.begins == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "1-1.0.weights.h5",
        "2-3.0.weights.h5",
    ]


def test_an_explicit_mode_is_kept(fit, monkeypatch):
    monkeypatch.setattr(RougeCallback, "on_epoch_end", lambda self, epoch, logs: None)
    lowest = keras.callbacks.ReduceLROnPlateau(monitor="val_rouge1", mode="min")
    loss = keras.callbacks.EarlyStopping(monitor="loss")
    fit([lowest, loss, RougeCallback(RECORDS)], epochs=1)
    assert (lowest.mode, loss.mode) == ("min", "auto")


def test_records_from_a_file(tmp_path):
    write_jsonl(tmp_path / "v.jsonl", RECORDS)
    callback = RougeCallback(tmp_path / "v.jsonl", max_samples=2)
    assert callback.names == NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"records": []}, "there are no records"),
        ({"records": [{"document": "a", "summary": ""}]}, "'summary' must be a non-empty string"),
        ({"records": RECORDS, "max_samples": 0}, "max_samples=0 must be at least 1"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        RougeCallback(**arguments)


def test_a_model_without_tokenizer_fails_before_it_is_trained():
    model = TFPegasusForConditionalGeneration(tiny_config())
    with pytest.raises(ValueError, match="the model has no tokenizer"):
        RougeCallback(RECORDS).set_model(model)


def test_two_callbacks_need_different_names(fit, monkeypatch):
    monkeypatch.setattr(RougeCallback, "on_epoch_end", lambda self, epoch, logs: None)
    with pytest.raises(ValueError, match="both log val_rouge1: give them different names"):
        fit([RougeCallback(RECORDS), RougeCallback(RECORDS)], epochs=1)
    named = RougeCallback(RECORDS, name="news")
    assert named.names == [name.replace("val_", "val_news_") for name in NAMES]
    fit([RougeCallback(RECORDS), named], epochs=1)
