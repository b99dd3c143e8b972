"""Makes a checkpoint with the authors' TF1 graph, and goldens of the graph's outputs.

Run with a checkout of google-research/pegasus, in the environment of
`make_tensorflow_goldens.py`:

    PYTHONPATH=path/to/pegasus reference-tf/bin/python tools/goldens/make_original_goldens.py
"""

import json
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens" / "tiny-original"
SIZES = {
    "vocab_size": 44,
    "hidden_size": 24,
    "filter_size": 28,
    "num_heads": 4,
    "num_encoder_layers": 1,
    "num_decoder_layers": 2,
    "label_smoothing": 0.0,
    "dropout": 0.0,
}


def layer_norm(inputs, begin_norm_axis, center=True, scale=True):
    """Replaces `tf.contrib.layers.layer_norm`, which TensorFlow 2 does not have."""
    with tf.variable_scope(None, default_name="LayerNorm"):
        shape = inputs.shape[-1:]
        beta = tf.get_variable("beta", shape, initializer=tf.zeros_initializer())
        gamma = tf.get_variable("gamma", shape, initializer=tf.ones_initializer())
        mean, variance = tf.nn.moments(inputs, [-1], keep_dims=True)
        return tf.nn.batch_normalization(inputs, mean, variance, beta, gamma, 1e-12)


def load_authors():
    """Imports the authors' model, with the TensorFlow 1 API that it expects."""
    contrib = types.ModuleType("tensorflow.contrib")
    contrib.layers = types.ModuleType("tensorflow.contrib.layers")
    contrib.layers.layer_norm = layer_norm
    real = sys.modules["tensorflow"]
    sys.modules.update({"tensorflow": tf, "tensorflow.contrib": contrib})
    from pegasus.models import transformer

    sys.modules["tensorflow"] = real
    return transformer.TransformerEncoderDecoderModel


def main():
    tf.disable_v2_behavior()
    tf.set_random_seed(3)
    random = np.random.default_rng(3)
    inputs = random.integers(2, SIZES["vocab_size"], (3, 9))
    inputs[1, 5:] = 0
    targets = random.integers(2, SIZES["vocab_size"], (3, 7))
    targets[2, 4:] = 0
    model = load_authors()(**SIZES)
    features = {"inputs": tf.constant(inputs, tf.int64), "targets": tf.constant(targets, tf.int64)}
    loss, outputs = model(features, training=False)
    decoded = {}
    for alpha in (0.0, 0.8):
        decoded[alpha] = model.predict(
            features, max_decode_len=8, beam_size=4, beam_start=5, beam_alpha=alpha
        )["outputs"]
    tf.train.get_or_create_global_step()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():
            value = session.run(variable)
            noise = random.normal(0, 0.3, value.shape)
            # With larger embeddings, each output would repeat its input forever.
            scale = 0.3 if "embeddings" in variable.name else 1.0
            variable.load(scale * value + noise * (scale if value.ndim > 1 else 1), session)
        # A variable of the optimizer, which real checkpoints also contain.
        extra = tf.get_variable("embeddings/weights/Adafactor_vr", [5])
        session.run(extra.initializer)
        GOLDENS.mkdir(exist_ok=True)
        saver = tf.train.Saver(write_version=tf.train.SaverDef.V2)
        saver.save(session, str(GOLDENS / "model.ckpt"), global_step=1500, write_meta_graph=False)
        arrays = {
            "input_ids": inputs,
            "labels": targets,
            "logits": session.run(outputs["logits"]),
            "loss": session.run(loss),
            "encoder_last_hidden_state": session.run(model._encode(features, False)["memory"]),
        }
        for alpha, ids in decoded.items():
            arrays[f"sequences:{alpha}"] = session.run(ids)
    (GOLDENS / "checkpoint").unlink(missing_ok=True)
    np.savez_compressed(GOLDENS / "outputs.npz", **arrays)
    print(json.dumps({name: list(np.shape(value)) for name, value in arrays.items()}))


if __name__ == "__main__":
    main()
