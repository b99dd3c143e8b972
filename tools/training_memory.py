"""Compares the estimate that `tf-pegasus train` prints with the memory that a step takes.

    python tools/training_memory.py

For each setting it prints the estimate, the peak of memory that three steps add to that of the
loaded model, and the ratio of the two.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Vocabulary, width, layers, batch, source and target length, and more arguments of `measure`.
SETTINGS = [
    (8000, 256, 2, 8, 256, 64, {}),
    (8000, 256, 4, 8, 256, 64, {}),
    (8000, 256, 4, 8, 256, 64, {"recomputes": True}),
    (8000, 256, 4, 8, 256, 64, {"parts": 4}),
    (32000, 256, 2, 8, 128, 64, {}),
    (8000, 512, 2, 4, 512, 64, {}),
    (8000, 512, 2, 4, 512, 64, {"precision": "mixed_bfloat16"}),
]


def measure(
    vocab_size,
    width,
    layers,
    batch,
    source,
    target,
    recomputes=False,
    parts=1,
    precision="float32",
):
    """Trains for three steps in this process; returns estimated and measured bytes."""
    import keras
    import psutil
    import tensorflow as tf

    from tf_pegasus import PegasusConfig, TFPegasusForConditionalGeneration
    from tf_pegasus.training.estimates import estimate_memory
    from tf_pegasus.training.optimizers import create_optimizer

    process = psutil.Process()
    # TensorFlow itself, with what it allocates at its first step.
    tf.function(lambda x: tf.matmul(x, x))(tf.ones((64, 64)))
    before = process.memory_info().rss
    config = PegasusConfig(
        vocab_size=vocab_size,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        encoder_attention_heads=width // 64,
        decoder_attention_heads=width // 64,
        max_position_embeddings=max(source, target),
        dropout=0.1,
    )
    model = TFPegasusForConditionalGeneration(config, dtype=precision)
    if recomputes:
        model.gradient_checkpointing_enable()
    model.compile(create_optimizer("adamw"), jit_compile=False, micro_batches=parts)
    model.optimizer.build(model.trainable_variables)
    estimate = estimate_memory(model, batch // parts, source, target, recomputes)
    ids = tf.random.uniform((batch, source), 2, vocab_size, tf.int32)
    peak, is_over = [0], threading.Event()

    def watch():
        while not is_over.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    data = tf.data.Dataset.from_tensors((ids, ids[:, :target])).repeat(3)
    model.fit(data, verbose=0)
    is_over.set()
    watcher.join()
    keras.backend.clear_session()
    return {"estimated": estimate.total, "measured": peak[0] - before}


def main():
    if len(sys.argv) > 1:
        *shape, options = json.loads(sys.argv[1])
        print(json.dumps(measure(*shape, **options)))
        return
    for setting in SETTINGS:
        done = subprocess.run(
            [sys.executable, __file__, json.dumps(setting)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        megabytes = {name: f"{count / 1e6:,.0f} MB" for name, count in found.items()}
        ratio = found["estimated"] / found["measured"]
        print(setting, megabytes, f"ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
