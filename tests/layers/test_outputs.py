import pytest


def test_an_output_reads_as_attributes_keys_and_tuple(model, batch):
    outputs = model(batch)
    assert list(outputs) == ["loss", "logits", "encoder_last_hidden_state"]
    assert outputs.logits is outputs["logits"] is outputs[1] is outputs.to_tuple()[1]
    without = model(batch["input_ids"], decoder_input_ids=batch["input_ids"])
    assert without.loss is None
    assert "loss" not in without
    with pytest.raises(AttributeError, match="no attribute 'logit'"):
        _ = outputs.logit


def test_assigning_to_a_field_changes_the_mapping(model, batch):
    outputs = model(batch)
    logits = outputs.logits * 2
    outputs.logits = logits
    assert outputs["logits"] is logits is outputs[1]
    outputs["loss"] = None
    assert outputs.loss is None
    assert list(outputs) == ["logits", "encoder_last_hidden_state"]
    assert outputs[0] is logits
    # An absent field takes its place in the order.
    outputs.loss = logits
    outputs.decoder_attentions = (logits,)
    assert list(outputs) == ["loss", "logits", "decoder_attentions", "encoder_last_hidden_state"]
    assert outputs.to_tuple()[2] == (logits,)
    with pytest.raises(TypeError, match="TFSeq2SeqLMOutput has no field 'logit'"):
        outputs["logit"] = logits
