import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import SENTENCES, tiny_config

from tf_pegasus import GenerationConfig, PegasusPreprocessor, TFPegasusForConditionalGeneration
from tf_pegasus.models.string_inputs import StringInputsMixin
from tf_pegasus.tokenizers.preprocessor import documents_and_summaries

SUMMARIES = [" ".join(sentence.split()[:3]) for sentence in SENTENCES]
WEIGHTS = np.arange(8, dtype="float32")


class Lengths:
    """Stands in for a preprocessor: the ids are the lengths of the strings."""

    max_source_length, max_target_length = 32, 8

    class tokenizer:
        vocabulary_size = 60

    def __call__(self, x, y=None, sample_weight=None, full=False):
        documents, summaries = documents_and_summaries(x, y)
        ids = {"input_ids": tf.strings.length(documents)[:, None]}
        if summaries is None:
            return ids
        labels = tf.strings.length(summaries)[:, None]
        return keras.utils.pack_x_y_sample_weight(ids, labels, sample_weight)


class Recorder(StringInputsMixin, keras.Model):
    """Records the batches that it is given."""

    def __init__(self, **config):
        super().__init__()
        self.config, self.preprocessor = tiny_config(**config), Lengths()
        self.batches = {"train": [], "test": []}
        self.built = True
        self.compile(run_eagerly=True)

    def train_step(self, data):
        return self._recorded("train", data)

    def test_step(self, data):
        return self._recorded("test", data)

    def _recorded(self, kind, data):
        self.batches[kind].append([part for part in data if part is not None])
        return {"loss": tf.constant(1.0)}


@pytest.fixture
def recorder():
    return Recorder()


def pairs(*parts, size=4):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(size)


def check_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, list(one), list(other))


RECORDS = {"document": SENTENCES, "summary": SUMMARIES}
FORMS = {
    "lists": (SENTENCES, SUMMARIES),
    "arrays": (np.array(SENTENCES), np.array(SUMMARIES)),
    "objects": (np.array(SENTENCES, object), np.array(SUMMARIES, object)),
    "tensors": (tf.constant(SENTENCES), tf.constant(SUMMARIES)),
    "dict": (RECORDS, None),
    "dataset": (pairs(SENTENCES, SUMMARIES), None),
    "dataset of dicts": (pairs(RECORDS), None),
}


@pytest.mark.parametrize("form", FORMS)
def test_strings_in_all_forms(recorder, form):
    x, y = FORMS[form]
    options = {} if y is None and form != "dict" else {"batch_size": 4}
    expected = [recorder.preprocessor(*batch) for batch in pairs(SENTENCES, SUMMARIES)]
    recorder.evaluate(x, y, verbose=0, **options)
    check_equal(recorder.batches["test"], expected)
    validation = {"validation_data": (x, y), "validation_batch_size": 4} if options else {}
    validation = validation or {"validation_data": x}
    recorder.fit(x, y, **options, **validation, shuffle=False, verbose=0)
    check_equal(recorder.batches["train"], expected)
    check_equal(recorder.batches["test"], expected * 2)


def test_fit_shuffles_and_splits_as_it_does_ids(recorder):
    options = {"batch_size": 3, "validation_split": 0.25, "verbose": 0}
    recorder.fit(SENTENCES, SUMMARIES, epochs=2, **options)
    held_out = recorder.preprocessor(SENTENCES[6:], SUMMARIES[6:])
    check_equal(recorder.batches["test"], [held_out] * 2)
    batches = [ids["input_ids"] for ids, _ in recorder.batches["train"]]
    assert [len(batch) for batch in batches] == [3] * 4
    rows = np.concatenate(batches).ravel().tolist()
    lengths = [len(sentence) for sentence in SENTENCES[:6]]
    assert sorted(rows[:6]) == sorted(rows[6:]) == sorted(lengths)
    assert len({str(order) for order in (rows[:6], rows[6:], lengths)}) == 3


def test_weights_go_with_strings(recorder):
    expected = [recorder.preprocessor(SENTENCES, SUMMARIES, WEIGHTS)]
    recorder.evaluate(SENTENCES, SUMMARIES, sample_weight=WEIGHTS, verbose=0)
    recorder.evaluate(pairs(SENTENCES, SUMMARIES, WEIGHTS, size=8), verbose=0)
    recorder.test_on_batch(SENTENCES, SUMMARIES, WEIGHTS)
    recorder.train_on_batch(SENTENCES, SUMMARIES, sample_weight=WEIGHTS)
    check_equal(recorder.batches["test"], expected * 3)
    check_equal(recorder.batches["train"], expected)


def test_ids_are_taken_as_before(recorder):
    x, y = recorder.preprocessor(SENTENCES, SUMMARIES)
    recorder.evaluate(x, y, verbose=0)
    recorder.fit(x, y, validation_data=(x, y), verbose=0, shuffle=False)
    recorder.fit(pairs(SENTENCES, SUMMARIES, size=8).map(recorder.preprocessor), verbose=0)
    recorder.train_on_batch(x, y)
    check_equal(recorder.batches["test"], [(x, y)] * 2)
    check_equal(recorder.batches["train"], [(x, y)] * 3)


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "message"),
    [
        ("a text", ["a"], {}, TypeError, "x must be a list of texts, got one str"),
        (["a text"], [[1, 2]], {}, TypeError, "y must be texts, because x is texts"),
        (["a", None], ["b", "c"], {}, TypeError, r"x\[1\] must be a text, got None"),
        (["a", "b"], ["c"], {}, ValueError, "as many of each: x has 2, y has 1"),
        (pairs(RECORDS).unbatch(), None, {}, ValueError, "single texts: batch it"),
        (
            *(SENTENCES, SUMMARIES, {"validation_split": 0.99}),
            *(ValueError, r"validation_split=0.99 of 8 examples leaves none to train"),
        ),
    ],
)
def test_invalid_strings(recorder, x, y, options, error, message):
    with pytest.raises(error, match=message):
        recorder.fit(x, y, **options)


def test_what_is_no_preprocessor(recorder):
    recorder.preprocessor = recorder.preprocessor.tokenizer
    with pytest.raises(TypeError, match=r"must be a PegasusPreprocessor, such as Pega"):
        recorder.fit(SENTENCES, SUMMARIES)


def test_a_preprocessor_of_another_model():
    with pytest.raises(ValueError, match=r"max_source_length=32 must not be above .*=31"):
        Recorder(max_position_embeddings=31).fit(SENTENCES, SUMMARIES)
    with pytest.raises(ValueError, match="tokenizer has 60 ids, more than the model's vocab_size"):
        Recorder(vocab_size=59).train_on_batch(SENTENCES, SUMMARIES)


# With a model


@pytest.fixture(scope="module")
def preprocessor(tokenizer):
    return PegasusPreprocessor(tokenizer, 32, 8)


@pytest.fixture(scope="module")
def config(tokenizer):
    return tiny_config(
        vocab_size=len(tokenizer), dropout=0.0, decoder_layers=1, init_std=0.5, scale_embedding=True
    )


@pytest.fixture(scope="module")
def model(config, preprocessor):
    keras.utils.set_random_seed(3)
    model = TFPegasusForConditionalGeneration(config)
    # So that it generates text, not special tokens.
    bias = np.where(np.arange(config.vocab_size) < 107, -100.0, 0.0)
    model.set_bias({"final_logits_bias": bias[None].astype("float32")})
    model.generation_config = GenerationConfig(max_length=8, num_beams=2, forced_eos_token_id=1)
    model.compile(keras.optimizers.SGD(0.0))
    model.preprocessor = preprocessor
    return model


def test_fit_takes_pairs_of_strings(model):
    x, y = model.preprocessor(SENTENCES, SUMMARIES)
    history = model.fit(pairs(SENTENCES, SUMMARIES, size=8), verbose=0).history
    assert history == {"loss": [pytest.approx(model(x, labels=y).loss.numpy()[0], rel=1e-5)]}


def test_pairs_are_scored(model):
    x, y = model.preprocessor(SENTENCES, SUMMARIES)
    outputs = model.predict(pairs(SENTENCES, SUMMARIES), verbose=0)
    assert outputs.logits.shape == (8, 8, model.config.vocab_size)
    logits = model(x, labels=y).logits
    np.testing.assert_allclose(outputs.logits[:, : y.shape[1]], logits, atol=1e-5)


def test_documents_alone_are_summarized(model, tokenizer, monkeypatch):
    ids = tokenizer(SENTENCES, padding=True, return_tensors="np", max_length=32, truncation=True)
    expected = tokenizer.batch_decode(model.generate(**ids), skip_special_tokens=True)
    assert all(expected)
    assert model.predict(SENTENCES, verbose=0).tolist() == expected
    # A summary for each document, in their order.
    monkeypatch.setattr(model, "generate", lambda input_ids, **_: input_ids)
    expected = tokenizer.batch_decode(ids.input_ids, skip_special_tokens=True)
    for x in ({"document": SENTENCES}, pairs(SENTENCES, size=3)):
        found = model.predict(x, verbose=0)
        assert found.shape == (8,)
        assert found.tolist() == expected
    data = pairs(SENTENCES, size=8).repeat()
    assert model.predict(data, steps=1, verbose=0).tolist() == expected
    with pytest.raises(ValueError, match="callbacks have no effect"):
        model.predict(SENTENCES, callbacks=[])


def test_keras_files_keep_the_preprocessor(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = loaded.preprocessor(SENTENCES, SUMMARIES)
    check_equal(found, model.preprocessor(SENTENCES, SUMMARIES))
    bare = TFPegasusForConditionalGeneration(model.config)
    bare.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").preprocessor is None
