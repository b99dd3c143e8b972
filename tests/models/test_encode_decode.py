import numpy as np
from helpers.tiny import EVERYTHING

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
)


def test_encode_then_decode_equals_the_call(config, source, target):
    model = TFPegasusForConditionalGeneration(config)
    whole = model(source, decoder_input_ids=target, **EVERYTHING)
    encoded = model.encode(source, **EVERYTHING)
    decoded = model.decode(target, encoded, source["attention_mask"], **EVERYTHING)
    np.testing.assert_allclose(decoded.logits, whole.logits, atol=1e-6)
    assert type(decoded).__name__ == "TFCausalLMOutputWithCrossAttentions"
    assert list(decoded) == [
        "logits",
        "past_key_values",
        "hidden_states",
        "attentions",
        "cross_attentions",
    ]
    bare = model.model.decode(target, encoded, source["attention_mask"], return_dict=False)
    np.testing.assert_allclose(bare[0], decoded.hidden_states[-1], atol=1e-6)
