"""Reports on an export: its size, and its ROUGE compared with the model in Python."""

from pathlib import Path

import numpy as np

from tf_pegasus.evaluation.rouge import METRICS, rouge
from tf_pegasus.serving.served_model import ServedModel


def size_report(path, model):
    """Returns a line with the size of an export, compared with the model's float32 weights.

    Args:
        path: path of the version.
        model: the model that was exported, before its weights were changed.
    """
    sizes = {
        part: sum(file.stat().st_size for file in Path(path, part).rglob("*") if file.is_file())
        for part in ("variables", "assets")
    }
    graph = Path(path, "saved_model.pb").stat().st_size
    # Size of the weights in float32, independent of the model's dtype.
    full = 4 * sum(int(np.prod(variable.shape)) for variable in model.weights)
    return (
        f"weights {_megabytes(sizes['variables'])} ({sizes['variables'] / full:.2f} of float32's), "
        f"graph {_megabytes(graph)}, vocabulary {_megabytes(sizes['assets'])}"
    )


def rouge_report(path, summarizer, records, **options):
    """Returns a table of ROUGE of summarizer and export, and the number of equal summaries.

    Args:
        path: path of the version.
        summarizer: `Summarizer` that was exported.
        records: list of dicts with `document` and `summary`.
        **options: generation options that were passed to the export.
    """
    documents = [record["document"] for record in records]
    references = [record["summary"] for record in records]
    served = ServedModel(path)
    answers = served.call(text=documents)["summary"]
    predictions = {
        "in Python": [s.text for s in summarizer.summarize(documents, batch_size=16, **options)],
        "exported": [summary.decode() for summary in answers],
    }
    lines = ["| | ROUGE-1 | ROUGE-2 | ROUGE-L | ROUGE-Lsum |", "|---|---|---|---|---|"]
    for name, texts in predictions.items():
        scores = rouge(texts, references)
        lines.append(f"| {name} | " + " | ".join(f"{scores[m]:.2f}" for m in METRICS) + " |")
    equal = sum(a == b for a, b in zip(*predictions.values(), strict=True))
    return "\n".join([*lines, f"{equal} of {len(documents)} summaries are equal"])


def _megabytes(size):
    return f"{size / 1e6:.1f} MB"
