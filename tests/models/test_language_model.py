import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (["a document"], ["a summary"]),
        ("a document", "a summary"),
        (np.array(["a document"]), np.array([[1, 2]])),
        (np.array([[1, 2]]), ["a summary"]),
        ({"input_ids": ["a document"], "labels": ["a summary"]}, None),
        (tf.data.Dataset.from_tensor_slices((["a document"], ["a summary"])).batch(1), None),
    ],
)
def test_fit_refuses_texts_and_suggests_a_call(model, x, y):
    model.compile("adam", jit_compile=False)
    with pytest.raises(TypeError, match=r"must be ids, got strings: tokenize them first"):
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize("texts", ["a document", ["a document"], {"input_ids": ["a document"]}])
def test_generate_refuses_texts_and_suggests_a_call(model, texts):
    with pytest.raises(TypeError, match=r"input_ids must be ids, .* model.summarize"):
        model.generate(texts)
