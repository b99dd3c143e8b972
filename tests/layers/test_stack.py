import h5py
import keras
import numpy as np
import pytest

from tf_pegasus import (
    PegasusSharedEmbedding,
    TFPegasusDecoder,
    TFPegasusEncoder,
)


def test_stacks_are_rebuilt_from_their_config(config):
    for layer in (TFPegasusEncoder(config), TFPegasusDecoder(config, dtype="mixed_bfloat16")):
        again = type(layer).from_config(layer.get_config())
        assert again.config == config
        assert again.dtype_policy.name == layer.dtype_policy.name
        assert again.count_params() == layer.count_params()


def test_functional_encoder_and_decoder_share_an_embedding(config, batch, tmp_path):
    shared = PegasusSharedEmbedding(config.vocab_size, config.d_model, name="shared")
    source = keras.Input((None,), dtype="int32")
    target = keras.Input((None,), dtype="int32")
    states = TFPegasusEncoder(config, embed_tokens=shared)(source).last_hidden_state
    decoder = TFPegasusDecoder(config, embed_tokens=shared)
    outputs = decoder(target, encoder_hidden_states=states).last_hidden_state
    model = keras.Model([source, target], outputs)
    assert sum(w.shape == (60, 16) for w in model.trainable_weights) == 1
    result = model([batch["input_ids"], batch["labels"].clip(0)])
    assert result.shape == (3, 4, 16)


def test_functional_encoder_and_decoder_save_and_stay_tied(config, source, target, tmp_path):
    shared = PegasusSharedEmbedding(config.vocab_size, config.d_model)
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.Input((None,), dtype="int32", name="mask")
    decoder_ids = keras.Input((None,), dtype="int32", name="decoder_ids")
    encoded = TFPegasusEncoder(config, embed_tokens=shared)(
        ids, attention_mask=mask, output_attentions=True
    )
    decoded = TFPegasusDecoder(config, embed_tokens=shared)(
        decoder_ids,
        encoder_hidden_states=encoded.last_hidden_state,
        encoder_attention_mask=mask,
        use_cache=False,
    )
    outputs = {"states": decoded.last_hidden_state, "weights": encoded.attentions[0]}
    model = keras.Model([ids, mask, decoder_ids], outputs)
    inputs = [*source.values(), target]
    expected = model(inputs)
    assert expected["weights"].shape == (3, 2, 7, 7)
    model.save(tmp_path / "parts.keras")
    loaded = keras.models.load_model(tmp_path / "parts.keras")
    np.testing.assert_allclose(loaded(inputs)["states"], expected["states"], atol=1e-6)
    assert sum(w.shape == (60, 16) for w in loaded.trainable_weights) == 1
    assert keras.models.clone_model(model)(inputs)["states"].shape == (3, 4, 16)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_a_functional_model_of_one_stack_trains(config, source, side):
    ids = keras.Input((None,), dtype="int32")
    # The decoder alone, without a source, is a language model.
    stack = {"encoder": TFPegasusEncoder, "decoder": TFPegasusDecoder}[side](config)
    model = keras.Model(ids, keras.layers.Dense(2)(stack(ids).last_hidden_state[:, 0]))
    model.compile("adam", "mse")
    history = model.fit(source["input_ids"], np.ones((3, 2)), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.predict(source["input_ids"], verbose=0).shape == (3, 2)


def test_weight_files_keep_the_names_of_earlier_versions(model, tmp_path):
    model.save_weights(tmp_path / "a.weights.h5")
    layers = set()
    with h5py.File(tmp_path / "a.weights.h5") as file:
        file.visit(lambda path: layers.add(path) if path.endswith("q_proj") else None)
    stack = "layers/tf_pegasus_model"
    assert layers == {
        f"{stack}/encoder/layers/pegasus_encoder_layer/self_attn/q_proj",
        f"{stack}/decoder/layers/pegasus_decoder_layer/self_attn/q_proj",
        f"{stack}/decoder/layers/pegasus_decoder_layer/encoder_attn/q_proj",
        f"{stack}/decoder/layers/pegasus_decoder_layer_1/self_attn/q_proj",
        f"{stack}/decoder/layers/pegasus_decoder_layer_1/encoder_attn/q_proj",
    }
