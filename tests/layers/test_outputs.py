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
