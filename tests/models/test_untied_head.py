"""Models whose output projection is not the token embedding (`tie_word_embeddings=False`)."""

import json
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import GOLDENS, tiny_config
from helpers.weights import assert_same_weights
from safetensors.numpy import load_file, save_file

from tf_pegasus import (
    GenerationConfig,
    PegasusConfig,
    Summarizer,
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
    export_saved_model,
)
from tf_pegasus.conversion import describe
from tf_pegasus.serving.weights import with_weights

load = TFPegasusForConditionalGeneration.from_pretrained


@pytest.fixture(scope="module")
def untied():
    path = GOLDENS / "tiny-untied"
    return SimpleNamespace(
        path=path, model=load(path), arrays=dict(np.load(path.with_suffix(".npz")))
    )


@pytest.fixture
def source(untied):
    return {name: untied.arrays[name] for name in ("input_ids", "attention_mask")}


@pytest.fixture
def small():
    model = TFPegasusForConditionalGeneration(tiny_config(tie_word_embeddings=False))
    assert np.std(model.lm_head.embeddings) > 0
    return model


def test_logits_and_loss_equal_the_reference(untied, source):
    outputs = untied.model(**source, labels=untied.arrays["labels"])
    np.testing.assert_allclose(outputs.logits, untied.arrays["logits"], atol=2e-5)
    np.testing.assert_allclose(outputs.loss, untied.arrays["loss"], rtol=1e-5)
    causal = TFPegasusForCausalLM.from_pretrained(untied.path)
    logits = causal(untied.arrays["labels"].clip(0)).logits
    np.testing.assert_allclose(logits, untied.arrays["causal_logits"], atol=2e-5)


@pytest.mark.parametrize("beams", [1, 4])
def test_sequences_equal_the_reference(untied, source, beams):
    sequences = untied.model.generate(**source, num_beams=beams, max_length=12, engine="eager")
    np.testing.assert_array_equal(sequences, untied.arrays[f"sequences_{beams}"])


def test_without_the_head_the_logits_are_others(untied, source):
    tied = load(untied.path, tie_word_embeddings=True, strict=False)
    assert tied.get_output_embeddings() is tied.get_input_embeddings()
    logits = tied(**source, labels=untied.arrays["labels"]).logits
    assert np.abs(logits - untied.arrays["logits"]).max() > 0.1


@pytest.mark.parametrize("form", ["safetensors", "bin", "h5", "msgpack"])
@pytest.mark.parametrize("shards", ["5GB", "8KB"])
def test_published_formats_hold_the_head(untied, tmp_path, form, shards):
    untied.model.save_pretrained(tmp_path, weights_format=form, max_shard_size=shards)
    again = load(tmp_path, strict=True)
    assert_same_weights(again, untied.model)
    assert not np.allclose(again.lm_head.embeddings, again.model.shared.embeddings)
    parameters = describe(tmp_path).parameters
    assert parameters["embedding"] == 97 * 32
    assert parameters["head"] == 97 * 32 + 97
    # The bare model reads the same file, and has no use for the head.
    bare = TFPegasusModel.from_pretrained(tmp_path, strict=True)
    np.testing.assert_array_equal(bare.shared.embeddings, untied.model.model.shared.embeddings)


def test_the_authors_format_cannot_hold_the_head(untied, tmp_path):
    message = r"lm_head\.weight is a table of its own \(tie_word_embeddings=False\)"
    with (
        pytest.raises(ValueError, match=message),
        pytest.warns(UserWarning, match="the authors' code"),
    ):
        untied.model.save_pretrained(tmp_path, weights_format="original")
    assert not list(tmp_path.glob("*.ckpt*"))


def test_a_missing_head_is_reported_and_starts_as_the_embedding(model, tmp_path):
    model.save_pretrained(tmp_path, weights_format="h5")
    with pytest.warns(UserWarning, match=r"lm_head\.weight is missing"):
        untied, info = load(tmp_path, tie_word_embeddings=False, output_loading_info=True)
    assert info["missing_keys"] == ["lm_head.weight"]
    np.testing.assert_array_equal(untied.lm_head.embeddings, model.model.shared.embeddings)
    with pytest.raises(ValueError, match=r"lm_head\.weight is missing"):
        load(tmp_path, tie_word_embeddings=False, strict=True)


@pytest.mark.parametrize(
    "name", ["lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
)
def test_what_a_file_has_and_the_model_does_not_use_is_reported(model, tmp_path, name):
    name = name if name.startswith("lm_head") else f"model.{name}"
    model.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, name: tensors["model.shared.weight"]}, file)
    load(tmp_path, strict=True)
    save_file({**tensors, name: tensors["model.shared.weight"] + 1}, file)
    message = re.escape(f"{name} differs from model.shared.weight, which is used in its place")
    with pytest.raises(ValueError, match=message):
        load(tmp_path)
    with pytest.warns(UserWarning, match=message):
        _, info = load(tmp_path, strict=False, output_loading_info=True)
    assert info["unexpected_keys"] == [name]


def test_int8_has_two_tables(untied, source):
    model = load(untied.path)
    model.quantize("int8")
    assert model.lm_head.embeddings.dtype == model.model.shared.embeddings.dtype == "int8"
    logits = model(**source, labels=untied.arrays["labels"]).logits
    # As close as for tied models.
    np.testing.assert_allclose(logits, untied.arrays["logits"], atol=0.35)
    assert np.corrcoef(np.ravel(logits), untied.arrays["logits"].ravel())[0, 1] > 0.999


def test_other_precisions_copy_the_head(untied):
    copy = with_weights(untied.model, "bfloat16")
    np.testing.assert_array_equal(copy.lm_head.embeddings, untied.model.lm_head.embeddings)


def test_both_tables_train(small, batch, tmp_path):
    before = [np.array(t.embeddings) for t in (small.model.shared, small.lm_head)]
    small.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    losses = small.fit(batch, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    after = [np.array(t.embeddings) for t in (small.model.shared, small.lm_head)]
    assert all(not np.array_equal(*pair) for pair in zip(before, after, strict=True))
    small.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(batch).logits, small(batch).logits)


def test_both_tables_are_resized(small, batch):
    expected = small(batch).logits
    head = np.array(small.lm_head.embeddings)
    small.resize_token_embeddings(70)
    assert small.lm_head.embeddings.shape == small.model.shared.embeddings.shape == (70, 16)
    np.testing.assert_array_equal(small.lm_head.embeddings[:60], head)
    np.testing.assert_allclose(small(batch).logits[..., :60], expected, atol=1e-6)
    assert np.any(small.lm_head.embeddings[60:])
    table = np.ones((65, 16), "float32")
    small.set_output_embeddings(table)
    np.testing.assert_array_equal(small.get_output_embeddings().embeddings, table)
    assert small.get_input_embeddings().embeddings.shape == (65, 16)
    assert not np.any(small.get_input_embeddings().embeddings[0])


@pytest.mark.slow
def test_an_export_holds_the_head(tokenizer, tmp_path):
    config = tiny_config(
        vocab_size=len(tokenizer), init_std=0.5, tie_word_embeddings=False, scale_embedding=True
    )
    model = TFPegasusForConditionalGeneration(config)
    text = "The quick brown fox."
    model.generation_config = GenerationConfig(max_length=8)
    export_saved_model(Summarizer(model, tokenizer), tmp_path / "model", engine="graph")
    served = tf.saved_model.load(tmp_path / "model" / "1").signatures["serving_default"]
    names = list(served.structured_input_signature[1])
    found = served(**{names[0]: tf.constant([text])})
    expected = model.summarize(text, tokenizer=tokenizer, engine="graph")
    assert found["summary"].numpy()[0].decode() == expected


def test_the_setting_is_a_field_of_the_configuration():
    assert PegasusConfig().tie_word_embeddings is True
    assert (
        json.loads(json.dumps(PegasusConfig(tie_word_embeddings=False).to_dict()))[
            "tie_word_embeddings"
        ]
        is False
    )
    with pytest.raises(TypeError, match="tie_word_embeddings='no' must be a bool"):
        PegasusConfig(tie_word_embeddings="no")
