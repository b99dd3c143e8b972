"""What the models' calls take and return beyond ids, masks and logits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import (
    PegasusConfig,
    PegasusSharedEmbedding,
    TFPegasusDecoder,
    TFPegasusEncoder,
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.layers.kv_cache import StaticCache

MODELS = [TFPegasusModel, TFPegasusForConditionalGeneration]
EVERYTHING = {"output_attentions": True, "output_hidden_states": True}


@pytest.fixture
def source(batch):
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


@pytest.fixture
def target(batch):
    return batch["labels"].clip(0)


# Outputs


def test_the_published_outputs_in_the_published_order(config, source, target):
    outputs = TFPegasusForConditionalGeneration(config)(
        source, labels=target, **EVERYTHING, return_dict=True
    )
    assert list(outputs) == [
        "loss",
        "logits",
        "decoder_hidden_states",
        "decoder_attentions",
        "cross_attentions",
        "encoder_last_hidden_state",
        "encoder_hidden_states",
        "encoder_attentions",
    ]
    outputs = TFPegasusModel(config)(source, decoder_input_ids=target, **EVERYTHING)
    assert list(outputs) == [
        "last_hidden_state",
        "past_key_values",
        "decoder_hidden_states",
        "decoder_attentions",
        "cross_attentions",
        "encoder_last_hidden_state",
        "encoder_hidden_states",
        "encoder_attentions",
    ]
    assert [len(outputs[name]) for name in list(outputs)[2:5]] == [3, 2, 2]
    assert outputs.decoder_hidden_states[-1] is outputs.last_hidden_state
    assert outputs.encoder_hidden_states[-1] is outputs.encoder_last_hidden_state
    assert [state.shape for state in outputs.encoder_hidden_states] == [(3, 7, 16)] * 2
    assert outputs.decoder_attentions[0].shape == (3, 2, 4, 4)
    assert outputs.cross_attentions[1].shape == (3, 2, 4, 7)
    assert outputs.encoder_attentions[0].shape == (3, 2, 7, 7)
    layer = outputs.past_key_values[0]
    assert [part.shape for part in layer] == [(3, 2, 4, 8)] * 2 + [(3, 2, 7, 8)] * 2


@pytest.mark.parametrize("model_class", MODELS)
def test_tuples_instead_of_objects(model_class, config, source, target):
    model = model_class(config)
    options = {"decoder_input_ids": target, **EVERYTHING}
    outputs = model(source, **options)
    plain = model(source, **options, return_dict=False)
    assert type(plain) is tuple
    assert len(plain) == len(outputs)
    expected = tuple(outputs.values())
    for ours, theirs in zip(tf.nest.flatten(plain), tf.nest.flatten(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_defaults_come_from_the_configuration(source, target):
    config = tiny_config(
        output_attentions=True, output_hidden_states=True, return_dict=False, use_cache=False
    )
    model = TFPegasusModel(config)
    assert len(model(source, decoder_input_ids=target)) == 7
    outputs = model(source, decoder_input_ids=target, return_dict=True, output_attentions=False)
    assert outputs.past_key_values is None
    assert outputs.cross_attentions is None
    assert len(outputs.decoder_hidden_states) == 3
    again = PegasusConfig.from_dict(config.to_dict())
    assert (again.output_attentions, again.return_dict) == (True, False)


def test_fit_with_tuples(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(return_dict=False))
    model.compile("adam")
    assert np.isfinite(model.fit(batch, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_all_outputs_in_graphs(config, source, target, jit_compile):
    model = TFPegasusModel(config)
    eager = model(source, decoder_input_ids=target, **EVERYTHING)

    @tf.function(jit_compile=jit_compile)
    def traced(ids, mask, decoder_ids):
        return model(ids, mask, decoder_ids, **EVERYTHING)

    outputs = traced(*map(tf.constant, (*source.values(), target)))
    assert list(outputs) == list(eager)
    for ours, theirs in zip(tf.nest.flatten(outputs), tf.nest.flatten(eager), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_attention_weights_are_probabilities_over_what_is_visible(config, source, target):
    outputs = TFPegasusModel(config)(source, decoder_input_ids=target, **EVERYTHING)
    for weights in (*outputs.encoder_attentions, *outputs.cross_attentions):
        np.testing.assert_allclose(np.sum(weights, axis=-1), 1, atol=1e-5)
        assert not np.any(weights.numpy()[1, :, :, 4:])  # masked in the batch's second row
    own = outputs.decoder_attentions[0].numpy()
    assert not np.any(np.triu(own[0, 0], k=1))


# Inputs


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "float32"])
def test_masks_of_every_dtype(config, source, target, dtype):
    model = TFPegasusModel(config)
    ones = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
    mask = source["attention_mask"]
    expected = model(source, decoder_input_ids=target, decoder_attention_mask=ones)
    found = model(
        source["input_ids"], mask.astype(dtype), target, decoder_attention_mask=ones.astype(dtype)
    )
    np.testing.assert_array_equal(found[0], expected[0])


def test_embeddings_instead_of_ids(source, target):
    model = TFPegasusModel(tiny_config(scale_embedding=True))
    table = model.get_input_embeddings()
    embeds = {
        "inputs_embeds": table(tf.constant(source["input_ids"])) * 4,  # sqrt(d_model = 16)
        "decoder_inputs_embeds": table(tf.constant(target)) * 4,
    }
    expected = model(source, decoder_input_ids=target)
    found = model(attention_mask=source["attention_mask"], **embeds)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)


def test_head_masks(config, source, target):
    model = TFPegasusModel(config)
    inputs = {**source, "decoder_input_ids": target}
    plain = model(inputs)[0]
    ones = {
        "head_mask": np.ones((1, 2)),
        "decoder_head_mask": np.ones((2, 2)),
        "cross_attn_head_mask": np.ones((2, 2), "int32"),
    }
    np.testing.assert_allclose(model(inputs, **ones)[0], plain, atol=1e-6)
    for name, mask in ones.items():
        off = mask.copy()
        off[0, 1] = 0
        assert not np.allclose(model(inputs, **{name: off})[0], plain, atol=1e-6), name


def test_encoder_outputs_bring_their_states_and_attentions(config, source, target):
    model = TFPegasusModel(config)
    encoded = model.encode(**source, **EVERYTHING)
    mask = source["attention_mask"]
    for given in (encoded, encoded.to_tuple(), dict(encoded)):
        outputs = model(attention_mask=mask, decoder_input_ids=target, encoder_outputs=given)
        assert outputs.encoder_last_hidden_state.shape == (3, 7, 16)
        assert len(outputs.encoder_hidden_states) == 2
        assert len(outputs.encoder_attentions) == 1


def bad_past(config, change):
    layer = [np.zeros((3, 2, 2, 8), "float32")] * 2 + [np.zeros((3, 2, 7, 8), "float32")] * 2
    return change([layer] * config.decoder_layers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder_inputs_embeds": np.zeros((3, 4, 16))}, "exclude each other"),
        ({"inputs_embeds": np.zeros((3, 7, 16))}, "input_ids and inputs_embeds exclude"),
        ({"decoder_input_ids": None}, "decoder_input_ids is missing"),
        ({"input_ids": None}, "input_ids is missing.* or inputs_embeds"),
        (
            {"input_ids": None, "inputs_embeds": np.zeros((3, 7, 15))},
            r"inputs_embeds must have the shape \(batch, length, d_model=16\)",
        ),
        ({"head_mask": np.ones((2, 2))}, r"head_mask has the shape \(2, 2\), expected .* \(1, 2\)"),
        ({"cross_attn_head_mask": np.ones((2, 3))}, "cross_attn_head_mask has the shape"),
        ({"attention_mask": np.ones((3, 6), int)}, "attention_mask has 6 columns for 7 tokens"),
        ({"attention_mask": np.ones((3,), int)}, r"must have the shape \(batch, length\)"),
        ({"decoder_attention_mask": np.ones((3, 9), int)}, "has 9 columns for 4 tokens"),
        ({"decoder_position_ids": np.full((3, 4), 32)}, "position_ids holds ids outside"),
        ({"past_key_values": 3}, "past_key_values must be a tuple"),
        ({"past_key_values": lambda c: bad_past(c, lambda p: p[:1])}, "is of 1 layers"),
        (
            {"past_key_values": lambda c: bad_past(c, lambda p: [layer[:3] for layer in p])},
            "one \\(keys, values, source keys",
        ),
        (
            {
                "past_key_values": lambda c: bad_past(
                    c, lambda p: [[t[:, :1] for t in q] for q in p]
                )
            },
            "past_key_values holds a tensor of the shape",
        ),
    ],
)
def test_inputs_that_are_missing_conflict_or_do_not_fit(config, source, target, change, message):
    inputs = {**source, "decoder_input_ids": target, **change}
    if callable(inputs.get("past_key_values")):
        inputs["past_key_values"] = inputs["past_key_values"](config)
    inputs = {name: value for name, value in inputs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        TFPegasusModel(config)(**inputs)


# Caches


def test_a_cache_knows_the_source(config, source, target):
    model = TFPegasusModel(config)
    whole = model(source, decoder_input_ids=target)
    first = model(source, decoder_input_ids=target[:, :3])
    # Neither the source nor its states: only its mask.
    rest = model(
        attention_mask=source["attention_mask"],
        decoder_input_ids=target[:, 3:],
        past_key_values=first.past_key_values,
    )
    np.testing.assert_allclose(rest[0], whole[0][:, 3:], atol=1e-5)
    assert rest.encoder_last_hidden_state is None


def test_cached_decoding_with_masks_and_positions(config, source, target):
    model = TFPegasusModel(config)
    mask = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0]])
    positions = np.array([[0, 2, 4, 6]] * 3)
    whole = model(
        source,
        decoder_input_ids=target,
        decoder_attention_mask=mask,
        decoder_position_ids=positions,
    )
    past, pieces = None, []
    for start, end in ((0, 2), (2, 3), (3, 4)):
        outputs = model(
            source,
            decoder_input_ids=target[:, start:end],
            decoder_attention_mask=mask[:, :end],
            decoder_position_ids=positions[:, start:end],
            past_key_values=past,
        )
        past = outputs.past_key_values
        pieces.append(outputs[0])
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole[0], atol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_loop_over_a_static_cache_compiles(config, source, target, jit_compile):
    model = TFPegasusForConditionalGeneration(config)
    whole = model(source, decoder_input_ids=target).logits

    @tf.function(jit_compile=jit_compile)
    def decode(ids, mask, decoder_ids):
        encoded = model.encode(ids, mask)
        cache = model.init_cache(3, 4, encoded)

        def step(i, cache, logits):
            outputs = model.decode(decoder_ids[:, i : i + 1], encoded, mask, past_key_values=cache)
            here = (tf.range(4) == i)[:, None]
            return i + 1, outputs.past_key_values, tf.where(here, outputs.logits, logits)

        start = (tf.constant(0), cache, tf.zeros((3, 4, config.vocab_size)))
        return tf.while_loop(lambda i, *_: i < 4, step, start)[2]

    logits = decode(*map(tf.constant, (*source.values(), target)))
    np.testing.assert_allclose(logits, whole, atol=1e-5)


def test_a_static_cache_that_is_full(config, source, target):
    model = TFPegasusModel(config)
    encoded = model.encode(**source)
    cache = model.init_cache(3, 3, encoded)
    assert isinstance(cache, StaticCache)
    cache = model.decode(target[:, :3], encoded, past_key_values=cache).past_key_values
    assert int(cache.length) == 3
    with pytest.raises(ValueError, match=r"past_key_values is full.*\(3, 4\)"):
        model.decode(target[:, 3:], encoded, past_key_values=cache)


def test_no_cache_where_it_is_of_no_use(config, source, target):
    model = TFPegasusForConditionalGeneration(config)
    assert model(source, decoder_input_ids=target, use_cache=False).past_key_values is None
    assert model(source, labels=target, use_cache=True).past_key_values is None


# encode, decode, and the decoder alone


def test_encode_then_decode_is_the_call(config, source, target):
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


def test_causal_lm_trains_as_keras_does(config, batch):
    model = TFPegasusForCausalLM(config)
    assert model.config.is_encoder_decoder is False
    assert config.is_encoder_decoder is True
    ids = batch["input_ids"]
    model.compile(keras.optimizers.Adam(1e-2), metrics=[keras.metrics.SparseCategoricalAccuracy()])
    history = model.fit({"input_ids": ids}, ids, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.evaluate({"input_ids": ids, "labels": ids}, verbose=0)[0] < history["loss"][0]
    with pytest.raises(ValueError, match="labels are missing"):
        model.fit({"input_ids": ids}, verbose=0)
    with pytest.raises(ValueError, match="has no encoder"):
        model.get_encoder()


def test_causal_lm_saves_as_keras_does(config, batch, tmp_path):
    model = TFPegasusForCausalLM(config)
    expected = model(batch["input_ids"]).logits
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(batch["input_ids"]).logits, expected)


# Embeddings


@pytest.mark.parametrize("new_size", [75, 40])
def test_resizing_the_vocabulary(config, source, new_size, tmp_path):
    model = TFPegasusForConditionalGeneration(config)
    model.set_bias({"final_logits_bias": np.linspace(-1, 1, 60)[None]})
    before = model.get_input_embeddings().embeddings.numpy()
    kept = min(new_size, 60)
    ids = np.minimum(source["input_ids"], kept - 1)
    logits = model(ids, decoder_input_ids=ids).logits
    generated = model.generate(ids, max_length=6)
    embedding = model.resize_token_embeddings(new_size)
    assert embedding is model.get_input_embeddings() is model.get_output_embeddings()
    after = embedding.embeddings.numpy()
    assert after.shape == (new_size, 16)
    np.testing.assert_array_equal(after[:kept], before[:kept])
    bias = model.get_bias()["final_logits_bias"].numpy()
    np.testing.assert_array_equal(bias[0, :kept], np.linspace(-1, 1, 60)[:kept].astype("float32"))
    assert not np.any(bias[0, kept:])
    if new_size > 60:
        assert 0 < np.std(after[60:]) < 0.04
    assert model.config.vocab_size == model.get_encoder().config.vocab_size == new_size
    assert config.vocab_size == 60  # the caller's own
    again = model(ids, decoder_input_ids=ids).logits
    assert again.shape[-1] == new_size
    np.testing.assert_allclose(again[..., :kept], logits[..., :kept], atol=1e-6)
    # Functions that were traced with the old table are gone.
    assert model.generate(ids, max_length=6).shape[0] == generated.shape[0]
    assert len([w for w in model.trainable_weights if w.shape == (new_size, 16)]) == 1
    for name, save in (("model.keras", model.save), ("directory", model.save_pretrained)):
        save(tmp_path / name)
    for loaded in (
        keras.models.load_model(tmp_path / "model.keras"),
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path / "directory"),
    ):
        np.testing.assert_array_equal(loaded(ids, decoder_input_ids=ids).logits, again)
        # Still one table for encoder, decoder and output.
        assert loaded.get_encoder().embed_tokens is loaded.get_decoder().embed_tokens
        loaded.get_input_embeddings().embeddings.assign(after * 2)
        assert not np.allclose(loaded(ids, decoder_input_ids=ids).logits, again)


def test_training_after_resizing(config, batch):
    model = TFPegasusForConditionalGeneration(config)
    model.compile("adam")
    model.fit(batch, verbose=0)
    assert model.resize_token_embeddings() is model.get_input_embeddings()
    model.fit(batch, verbose=0)
    model.resize_token_embeddings(64)
    with pytest.raises(ValueError, match="compile"):
        model.fit(batch, verbose=0)
    model.compile("adam")
    before = model.get_input_embeddings().embeddings.numpy()
    model.fit({**batch, "input_ids": np.full((3, 7), 63)}, verbose=0)
    assert np.any(model.get_input_embeddings().embeddings.numpy()[63] != before[63])


def test_sizes_that_cannot_be(config):
    model = TFPegasusForConditionalGeneration(config)
    for size in (1, 0, -3):
        with pytest.raises(ValueError, match=r"(vocab_size|eos_token_id)=.* must be"):
            model.resize_token_embeddings(size)
    for size in (0, -1, 2.5, "9"):
        with pytest.raises(ValueError, match="new_num_position_embeddings="):
            model.resize_position_embeddings(size)
    with pytest.raises(ValueError, match=r"final_logits_bias has the shape \(1, 3\)"):
        model.set_bias({"final_logits_bias": np.zeros((1, 3))})
    with pytest.raises(ValueError, match="this model has None"):
        model.model.set_bias({"final_logits_bias": np.zeros((1, 60))})
    with pytest.raises(ValueError, match=r"expected \(rows, d_model=16\)"):
        model.set_input_embeddings(np.zeros((60, 15)))
    assert model.model.get_bias() is None
    assert model.config.vocab_size == 60


def test_setting_embeddings(config, source):
    model = TFPegasusForConditionalGeneration(config)
    table = np.random.default_rng(0).normal(size=(70, 16)).astype("float32")
    model.set_input_embeddings(table)
    np.testing.assert_array_equal(model.get_output_embeddings().embeddings, table)
    assert model.config.vocab_size == 70
    other = TFPegasusModel(config)
    model.set_output_embeddings(other.get_input_embeddings())
    assert model.config.vocab_size == 60
    np.testing.assert_array_equal(model.model.shared.embeddings, other.shared.embeddings)
    assert model.model.shared is not other.shared


def test_resizing_positions(config, batch):
    model = TFPegasusForConditionalGeneration(config)
    expected = model(batch).logits
    long = np.full((1, 50), 5)
    with pytest.raises(ValueError, match="50 tokens is too long"):
        model(long, decoder_input_ids=long)
    model.resize_position_embeddings(64)
    assert model(long, decoder_input_ids=long).logits.shape == (1, 50, 60)
    np.testing.assert_allclose(model(batch).logits, expected, atol=1e-6)
    assert [table.shape for table in model.get_position_embeddings()] == [(64, 16)] * 2
    assert TFPegasusModel(model.config).config.max_position_embeddings == 64
    assert config.max_position_embeddings == 32
    model.resize_position_embeddings(5)
    with pytest.raises(ValueError, match="7 tokens is too long"):
        model(batch)


# Keras


@pytest.mark.parametrize("model_class", [*MODELS, TFPegasusForCausalLM])
def test_summary_config_and_clone(model_class, config, capsys):
    model = model_class(config, name="mine")
    model.summary()
    assert f"{model.count_params():,}" in capsys.readouterr().out
    again = model_class.from_config(model.get_config())
    clone = keras.models.clone_model(model)
    for copy in (again, clone):
        assert type(copy) is model_class
        assert (copy.name, copy.config) == ("mine", model.config)
        assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
        # Copies of the form, not of the values.
        largest = copy.get_input_embeddings().embeddings
        assert not np.allclose(largest, model.get_input_embeddings().embeddings)


def test_functional_models_of_the_parts_save_and_stay_tied(config, source, target, tmp_path):
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


def test_a_functional_model_of_the_whole_clones(config, source, target):
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in (*source, "decoder_input_ids")
    }
    states = TFPegasusModel(config)(inputs, use_cache=False).last_hidden_state
    model = keras.Model(inputs, keras.layers.Dense(2)(states))
    clone = keras.models.clone_model(model)
    assert sum(w.shape == (60, 16) for w in clone.trainable_weights) == 1
    values = {**source, "decoder_input_ids": target}
    assert not np.allclose(clone(values), model(values))
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(values), model(values), atol=1e-6)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_functional_models_of_one_part(config, source, side):
    ids = keras.Input((None,), dtype="int32")
    # The decoder alone, without a source, is a language model's.
    stack = {"encoder": TFPegasusEncoder, "decoder": TFPegasusDecoder}[side](config)
    model = keras.Model(ids, keras.layers.Dense(2)(stack(ids).last_hidden_state[:, 0]))
    model.compile("adam", "mse")
    history = model.fit(source["input_ids"], np.ones((3, 2)), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.predict(source["input_ids"], verbose=0).shape == (3, 2)


def test_weights_start_as_published():
    config = tiny_config(vocab_size=400, d_model=64, init_std=0.05)
    model = TFPegasusForConditionalGeneration(config)
    table = model.get_input_embeddings().embeddings.numpy()
    assert not np.any(table[0])
    kernels = [w.numpy() for w in model.trainable_weights if w.name == "kernel"]
    assert len(kernels) == 6 + 2 * 10
    for values in (table[1:], *kernels):
        assert abs(np.std(values) - 0.05 * 0.88) < 0.006  # of a normal cut at two deviations
        assert np.abs(values).max() <= 0.1 + 1e-6
    assert all(not np.any(w) for w in model.weights if w.name in ("bias", "beta"))


# float16


def overflowing(model):
    """Scales weights until plain float16 overflows: feed-forward outputs beyond 65,504."""
    for stack in model.get_stacks().values():
        for layer in stack.layers:
            layer.feed_forward.fc1.kernel.assign(layer.feed_forward.fc1.kernel * 8000)
            layer.feed_forward.fc2.kernel.assign(layer.feed_forward.fc2.kernel * 8000)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                kernel = getattr(layer.self_attn, name).kernel
                kernel.assign(kernel * 8000)
    return model


def test_the_scaled_weights_do_overflow(config, batch):
    model = overflowing(TFPegasusForConditionalGeneration(config))
    layer = model.get_encoder().layers[0]
    states = layer.final_layer_norm(model.get_encoder().embed(tf.constant(batch["input_ids"])))
    wide = layer.feed_forward(states)
    assert np.abs(wide).max() > 2 * 65504
    # What `transformers` would compute: everything, products and sums, in float16.
    narrow = tf.cast(states, tf.float16)
    for dense in (layer.feed_forward.fc1, layer.feed_forward.fc2):
        narrow = tf.nn.relu(tf.matmul(narrow, tf.cast(dense.kernel, tf.float16)))
    assert np.isinf(narrow).any()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_overflowing_weights_train_and_generate(config, batch, policy):
    wide = overflowing(TFPegasusForConditionalGeneration(config))
    model = TFPegasusForConditionalGeneration(config, dtype=policy)
    model.set_weights(wide.get_weights())
    outputs, expected = model(batch, **EVERYTHING), wide(batch, **EVERYTHING)
    assert all(np.isfinite(part).all() for part in tf.nest.flatten(outputs))
    # Not only finite: beyond float16's range the sums are right.
    state = expected.encoder_hidden_states[0]
    fed = wide.get_encoder().layers[0].feed_forward(state)
    ours = model.get_encoder().layers[0].feed_forward(state)
    assert np.abs(fed).max() > 65504
    np.testing.assert_allclose(ours, fed, atol=0.02 * np.abs(fed).max())
    generated = model.generate(
        batch["input_ids"], num_beams=2, max_length=8, return_dict_in_generate=True
    )
    assert np.isfinite(generated.sequences_scores).all()
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    losses = model.fit(batch, epochs=30, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.95 * losses[0]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_float16_scales_its_loss_and_learns(config, batch):
    model = TFPegasusForConditionalGeneration(config, dtype="mixed_float16")
    model.compile(keras.optimizers.Adam(1e-2))
    losses = model.fit(batch, epochs=15, verbose=0).history["loss"]
    assert type(model.optimizer).__name__ == "LossScaleOptimizer"
    assert losses[-1] < 0.9 * losses[0]


# Gradient checkpointing


def gradients(model, batch):
    keras.utils.set_random_seed(5)
    for layer in model._flatten_layers():
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([7, 0])
    with tf.GradientTape() as tape:
        loss = model(batch, training=True).loss
    return loss, tape.gradient(loss, [w.value for w in model.trainable_weights])


def test_gradient_checkpointing_computes_the_same(batch):
    dropout = {"dropout": 0.3, "attention_dropout": 0.2, "activation_dropout": 0.2}
    model = TFPegasusForConditionalGeneration(tiny_config(encoder_layers=2, **dropout))
    # One draw a layer is what checkpointing can repeat: seeds of later layers differ.
    plain_loss, plain = gradients(model, batch)
    model.gradient_checkpointing_enable()
    loss, found = gradients(model, batch)
    assert np.isfinite(loss)
    model.gradient_checkpointing_disable()
    again_loss, again = gradients(model, batch)
    np.testing.assert_allclose(again_loss, plain_loss)
    np.testing.assert_allclose(again[3], plain[3])
    assert all(gradient is not None for gradient in found)


def test_checkpointed_gradients_are_those_of_the_loss(batch):
    """Against differences of the loss itself, with the same dropout in both runs."""
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.4, attention_dropout=0.3))
    model.gradient_checkpointing_enable()
    _, found = gradients(model, batch)
    index = next(i for i, w in enumerate(model.trainable_weights) if w.path.endswith("fc2/kernel"))
    weight = model.trainable_weights[index]
    direction = np.random.default_rng(0).normal(size=weight.shape).astype("float32")
    # Steep enough for differences of float32 sums to tell.
    start, step = weight.numpy(), 1e-2
    losses = []
    for sign in (1, -1):
        weight.assign(start + sign * step * np.abs(direction) * np.sign(found[index]))
        losses.append(float(gradients(model, batch)[0]))
    slope = (losses[0] - losses[1]) / (2 * step)
    expected = np.sum(np.abs(found[index]) * np.abs(direction))
    np.testing.assert_allclose(slope, expected, rtol=2e-2)


def test_checkpointing_without_dropout_is_exact(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.0))
    plain_loss, plain = gradients(model, batch)
    model.gradient_checkpointing_enable()
    loss, found = gradients(model, batch)
    np.testing.assert_allclose(loss, plain_loss, rtol=1e-6)
    for ours, theirs in zip(found, plain, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(ours), tf.convert_to_tensor(theirs), atol=1e-5
        )


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_fit_with_gradient_checkpointing(batch, policy):
    model = TFPegasusForConditionalGeneration(
        tiny_config(dropout=0.1, encoder_layerdrop=0.2), dtype=policy
    )
    model.gradient_checkpointing_enable()
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    losses = model.fit(batch, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
