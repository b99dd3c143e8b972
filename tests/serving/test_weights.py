import numpy as np
import pytest
import tensorflow as tf
from helpers.serving import TEXTS

from tf_pegasus import Summarizer, export_saved_model
from tf_pegasus.serving.served_model import ServedModel


@pytest.mark.parametrize("weights", ["bfloat16", "int8"])
def test_smaller_weights_are_close_and_leave_the_model_alone(summarizer, tmp_path, weights):
    before = [np.array(variable) for variable in summarizer.model.variables]
    path = export_saved_model(
        summarizer, tmp_path, engine="graph", weights=weights, warmup=False, num_beams=1
    )
    full = sum(value.nbytes for value in before)
    stored = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    dtypes = stored.get_variable_to_dtype_map()
    small = sum(
        int(np.prod(shape)) * dtypes[name].size
        for name, shape in stored.get_variable_to_shape_map().items()
        if name.startswith("weights/")
    )
    # Biases, layer norms and scales are a good part of a model this small.
    assert small < {"bfloat16": 0.67, "int8": 0.6}[weights] * full
    served = ServedModel(path)
    assert served.manifest["weights"] == weights
    states = served.call("encode", text=TEXTS[:3])["states"]
    exact = Summarizer(summarizer.model, summarizer.tokenizer)
    inputs = exact.tokenizer(TEXTS[:3], padding=True, return_tensors="np")
    mask = inputs["attention_mask"][:, :, None]
    expected = summarizer.model.get_encoder()(**inputs).last_hidden_state.numpy() * mask
    np.testing.assert_allclose(states, expected.sum(1) / mask.sum(1), atol=0.05)
    assert len(served.call(text=TEXTS)["summary"]) == len(TEXTS)
    # The model that was exported is as it was.
    for value, variable in zip(before, summarizer.model.variables, strict=True):
        np.testing.assert_array_equal(value, np.array(variable))
