import numpy as np
import pytest
import tensorflow as tf


def test_weights_that_the_authors_model_cannot_hold_are_named(golden, model, tmp_path):
    with pytest.raises(ValueError, match="final_logits_bias is not zero: the authors' model adds"):
        golden.model.save_pretrained(tmp_path, weights_format="original")
    embeddings = model.get_input_embeddings().embeddings
    embeddings.assign(np.asarray(embeddings) + 0.25)
    message = r"model\.shared\.weight\[0\], .* decoder's start, is not zero \(up to 0\.25\)"
    with pytest.raises(ValueError, match=message):
        model.save_pretrained(tmp_path, weights_format="original")
    assert not list(tmp_path.glob("model.ckpt*"))


def test_authors_names_are_written(model, tmp_path):
    with pytest.warns(UserWarning, match="the authors' code has no position_embedding_type='hugg"):
        model.save_pretrained(tmp_path, weights_format="original")
    names = {name for name, _ in tf.train.list_variables(str(tmp_path / "model.ckpt-0"))}
    assert {"embeddings/weights", "encoder/LayerNorm/gamma"} <= names
    assert "decoder/layer_1/memory_attention/q_proj/kernel" in names
    assert not any(name.endswith("proj/bias") for name in names)
