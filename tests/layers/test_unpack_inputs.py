import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)


def call_styles(model, batch):
    ids, mask, decoder_ids = batch["input_ids"], batch["attention_mask"], batch["labels"].clip(0)
    named = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": decoder_ids}
    yield model(ids, mask, decoder_ids)
    yield model(ids, attention_mask=mask, decoder_input_ids=decoder_ids)
    yield model(**named)
    yield model(named)
    yield model([ids, mask, decoder_ids])
    yield model((ids, mask, decoder_ids))
    yield tf.function(lambda inputs: model(inputs))(named)
    for dtype in ("bool", "int64", "int8"):
        yield model(ids, mask.astype(dtype), decoder_ids.astype("int64"))


@pytest.mark.parametrize("model_class", [TFPegasusModel, TFPegasusForConditionalGeneration])
def test_all_calling_styles_agree(model_class, config, batch):
    model = model_class(config)
    first, *others = call_styles(model, batch)
    for other in others:
        assert list(other) == list(first)
        for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(other), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_single_tensor_is_the_first_input(model, batch):
    encoder = model.get_encoder()
    alone = encoder(batch["input_ids"])[0]
    full = encoder({"input_ids": batch["input_ids"], "attention_mask": np.ones((3, 7), int)})
    np.testing.assert_array_equal(alone, full.last_hidden_state)


def test_an_input_given_twice_is_refused(model, batch):
    with pytest.raises(ValueError, match="attention_mask was given twice"):
        model(batch, attention_mask=batch["attention_mask"])
    with pytest.raises(ValueError, match="list of 18 inputs"):
        model([batch["input_ids"]] * 18)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "float32"])
def test_masks_of_every_dtype_agree(config, source, target, dtype):
    model = TFPegasusModel(config)
    ones = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
    mask = source["attention_mask"]
    expected = model(source, decoder_input_ids=target, decoder_attention_mask=ones)
    found = model(
        source["input_ids"], mask.astype(dtype), target, decoder_attention_mask=ones.astype(dtype)
    )
    np.testing.assert_array_equal(found[0], expected[0])
