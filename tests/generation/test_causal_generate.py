import keras
import numpy as np
import pytest
from helpers.generation import RECORDS, up_to_end
from helpers.tiny import GOLDEN_MODELS, GOLDENS

from tf_pegasus import GenerationConfig, TFPegasusForCausalLM

# As in `make_option_goldens`.
PROMPT = np.array([[0, 5, 9, 7], [0, 0, 7, 8], [0, 0, 0, 3], [0, 96, 4, 4]])
PROMPT_MASK = np.array([[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [1, 0, 1, 1]])
CASES = [{"max_length": 14}, {"max_new_tokens": 8, "num_beams": 3, "min_length": 9}]


@pytest.fixture(scope="module")
def decoder():
    return TFPegasusForCausalLM.from_pretrained(GOLDENS / "tiny-relu", strict=False)


def new_tokens(rows):
    """Returns the rows up to the first eos after the prompt, without padding."""
    return up_to_end(np.asarray(rows)[:, PROMPT.shape[1] - 1 :], [1])


@pytest.mark.parametrize("name", GOLDEN_MODELS)
@pytest.mark.parametrize("number", range(len(CASES)))
def test_ids_equal_the_reference(name, number):
    decoder = TFPegasusForCausalLM.from_pretrained(GOLDENS / name, strict=False)
    expected = np.load(GOLDENS / "options.npz")[f"{name}:causal:{number}"]
    found = decoder.generate(PROMPT, PROMPT_MASK, engine="eager", **CASES[number])
    np.testing.assert_array_equal(found[:, : PROMPT.shape[1]], PROMPT)
    assert new_tokens(found) == new_tokens(expected)


@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_engines_agree(decoder, engine):
    # A batch that is no power of two is padded.
    inputs = PROMPT[:3], PROMPT_MASK[:3]
    expected = decoder.generate(*inputs, engine="eager", **CASES[1])
    found = decoder.generate(*inputs, engine=engine, **CASES[1])
    np.testing.assert_array_equal(found, expected)


def test_records_have_no_cross_attention(decoder):
    ids = np.array([[5, 6]])
    outputs = decoder.generate(ids, max_length=5, engine="eager", **RECORDS)
    assert outputs.cross_attentions is None
    assert outputs.decoder_attentions[0][0].shape == (1, 2, 1, 2)
    logits = decoder(outputs.sequences[:, :-1]).logits[:, 1:]
    np.testing.assert_allclose(np.stack(outputs.logits, axis=1), logits, atol=1e-4)


def test_without_ids_bos_is_continued(decoder):
    alone = decoder.generate(bos_token_id=5, max_length=6, engine="eager")
    expected = decoder.generate(np.array([[5]]), max_length=6, engine="eager")
    np.testing.assert_array_equal(alone, expected)
    with pytest.raises(ValueError, match=r"input_ids is missing.*bos_token_id"):
        decoder.generate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder_no_repeat_ngram_size": 2}, "encoder_no_repeat_ngram_size=2 needs a source"),
        ({"max_length": 4}, "max_length=4 leaves nothing to generate after input_ids of 4 tokens"),
        ({"head_mask": np.ones((2, 2))}, r"head_mask has the shape \(2, 2\)"),
        ({"attention_mask": np.ones((4, 3))}, "attention_mask has the shape"),
    ],
)
def test_invalid_arguments_are_refused(decoder, arguments, message):
    with pytest.raises(ValueError, match=message):
        decoder.generate(PROMPT, **arguments)


def test_options_are_kept_by_keras(config, tmp_path):
    model = TFPegasusForCausalLM(config)
    model.generation_config.num_beams = 3
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.generation_config == model.generation_config


def test_options_may_be_the_second_argument(decoder):
    ids, options = np.array([[2, 3]]), GenerationConfig(max_length=4)
    expected = decoder.generate(ids, generation_config=options, engine="eager")
    np.testing.assert_array_equal(decoder.generate(ids, options, engine="eager"), expected)
