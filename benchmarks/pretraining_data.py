"""Documents a second of online pre-training data, and what they cost by strategy and length.

    python benchmarks/pretraining_data.py            # about a minute
    python benchmarks/pretraining_data.py --step     # and a training step of pegasus-base

Documents are sentences of the docstrings of NumPy and Keras, so that nothing is downloaded; the
vocabulary is that of the bundled model. "Feeds" is the time of a training step divided by the time
of making its batch, both on all cores; the step is in float32, with Adafactor.
"""

import argparse
import ast
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tf_pegasus import PegasusConfig, PegasusTokenizer, TFPegasusForPreTraining, bundled_model
from tf_pegasus.pretraining import ExampleMaker, PretrainingSettings, pretraining_dataset
from tf_pegasus.pretraining.importance import Importance
from tf_pegasus.pretraining.sentences import sentence_splitter
from tf_pegasus.pretraining.settings import STRATEGIES
from tf_pegasus.utils.words import words

# pegasus-base (paper, section 6), with the vocabulary of the released models.
BASE = {
    "vocab_size": 96_103,
    "d_model": 768,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "encoder_attention_heads": 12,
    "decoder_attention_heads": 12,
    "encoder_ffn_dim": 3072,
    "decoder_ffn_dim": 3072,
    "max_position_embeddings": 512,
    "activation_function": "relu",
    "scale_embedding": True,
}


def sentences():
    """Returns sentences of at least four words."""
    found = []
    split = sentence_splitter(PretrainingSettings())
    for package in ("numpy", "keras"):
        for path in sorted(Path(find_spec(package).origin).parent.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    paragraphs = (ast.get_docstring(node) or "").split("\n\n")
                    prose = " ".join(p.replace("\n", " ") for p in paragraphs if ">>>" not in p)
                    found += [s.strip() + " " for s in split(prose) if len(s.split()) > 3]
    return found


def documents(pool, count, length, seed=0):
    starts = np.random.default_rng(seed).integers(len(pool) - length, size=count)
    return ["".join(pool[start : start + length]) for start in starts]


def seconds(function, repeats=3):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def print_speed(pool, tokenizer, count):
    texts = documents(pool, count, 30)
    mean = np.mean([len(text.split()) for text in texts])
    print(f"{count} documents of 30 sentences, {mean:.0f} words:\n")
    print("| settings | strategy | documents a second | MB a second |\n|---|---|---|---|")
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    cases = [("authors", "dynamic"), *(("default", strategy) for strategy in STRATEGIES)]
    for preset, strategy in cases:
        make = ExampleMaker(tokenizer, PretrainingSettings.from_preset(preset, strategy=strategy))

        def run(make=make):
            make(texts, [np.random.default_rng((0, number)) for number in range(count)])

        taken = seconds(run)
        print(f"| {preset} | {strategy} | {count / taken:,.0f} | {megabytes / taken:.1f} |")


def print_cost(pool):
    print("\nMilliseconds to select 30 % of the sentences of a document, words given:\n")
    print("| sentences | ind-orig | continuous | seq-orig |\n|---|---|---|---|")
    for length in (10, 30, 100, 300, 1000):
        (text,) = documents(pool, 1, length)
        given = [words(sentence) for sentence in sentence_splitter(PretrainingSettings())(text)]
        number = max(1, int(0.3 * len(given)))
        times = [
            seconds(lambda given=given: Importance(given).independent()),
            seconds(lambda given=given, number=number: Importance(given).window(number)),
            seconds(
                lambda given=given, number=number: Importance(given).sequential(number, len(given))
            ),
        ]
        print(f"| {length} | " + " | ".join(f"{1e3 * taken:,.2f}" for taken in times) + " |")


def print_step(pool, tokenizer, batch_size):
    texts = documents(pool, 40 * batch_size, 30)
    data = pretraining_dataset(
        [{"text": text} for text in texts], tokenizer, batch_size=batch_size, prefetch=0
    )
    batch = next(data.as_numpy_iterator())
    making = seconds(lambda: list(data)) / len(data)
    config = PegasusConfig(**BASE)
    model = TFPegasusForPreTraining(config)
    model.compile("adafactor", jit_compile=False)
    model.train_on_batch(batch)
    step = seconds(lambda: model.train_on_batch(batch))
    shape = batch["input_ids"].shape[1], batch["labels"].shape[1]
    print(
        f"\npegasus-base, {batch_size} documents of {shape[0]} tokens, targets of {shape[1]}: a "
        f"step takes {step:.1f} s, its batch {1e3 * making:.1f} ms; feeds {step / making:,.0f} "
        "such steps"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--step", action="store_true")
    arguments = parser.parse_args()
    pool, tokenizer = sentences(), PegasusTokenizer.from_pretrained(bundled_model())
    print_speed(pool, tokenizer, arguments.documents)
    print_cost(pool)
    if arguments.step:
        print_step(pool, tokenizer, arguments.batch_size)


if __name__ == "__main__":
    main()
