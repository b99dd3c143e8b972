"""A report on an evaluation: one HTML file without scripts that loads nothing from elsewhere."""

import importlib.resources

from tf_pegasus.evaluation.differences import mark_differences
from tf_pegasus.evaluation.plots import distributions_plot, lengths_plot, systems_plot
from tf_pegasus.evaluation.system_scores import SystemScores
from tf_pegasus.evaluation.tables import ROUGE_TITLES, measures_table, rouge_table
from tf_pegasus.utils.extras import require

TEMPLATE = "report.html.jinja"
# The rest of a long document is cut off.
_MOST_CHARACTERS = 3000
_MOST_TOKENS = 400


class Extremes:
    """Keeps the examples with the highest and the lowest score.

    Args:
        count: int, number of examples of each kind.
    """

    def __init__(self, count: int = 5):
        self._count = count
        self.best: list[dict] = []
        self.worst: list[dict] = []

    def add(self, row: dict) -> None:
        """Takes a line of `predictions.jsonl`."""
        self.best = sorted([*self.best, row], key=_score, reverse=True)[: self._count]
        self.worst = sorted([*self.worst, row], key=_score)[: self._count]


def _score(row):
    return row["scores"]["rougeL"]


def load_libraries() -> None:
    """Raises ImportError if the extra `evaluate` is not installed."""
    require("jinja2", "evaluate")
    require("matplotlib.figure", "evaluate")


def render_report(
    metrics: dict,
    scores: dict[str, SystemScores],
    extremes: Extremes,
    attention=None,
) -> str:
    """Returns the report as HTML; texts are escaped.

    Args:
        metrics: dict, what `evaluate` returns.
        scores: dict from name to `SystemScores`; first the reference, last the system.
        extremes: `Extremes`.
        attention: `CrossAttention` of an example, or None.

    Raises:
        ImportError: if the extra `evaluate` is not installed.
    """
    jinja2 = require("jinja2", "evaluate")
    template = importlib.resources.files("tf_pegasus.evaluation").joinpath(TEMPLATE)
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reference, system = next(iter(scores)), list(scores)[-1]
    # In the order of `scores`; read from a file, they would be sorted by name.
    systems = {name: metrics["systems"][name] for name in scores}
    rated = {name: each for name, each in systems.items() if name != reference}
    columns = {title: scores[system].column(name) for name, title in ROUGE_TITLES.items()}
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        metrics=metrics,
        system=system,
        signatures={name: systems[system][name]["signature"] for name in ("bleu", "chrf")},
        tables=[rouge_table(systems), measures_table(systems)],
        systems_plot=systems_plot(rated, ROUGE_TITLES),
        distributions_plot=distributions_plot(columns),
        lengths_plot=lengths_plot(
            {name: scores[name].column("words") for name in (reference, system)}
        ),
        groups={
            "Best by ROUGE-L": list(map(_example, extremes.best)),
            "Worst by ROUGE-L": list(map(_example, extremes.worst)),
        },
        attention=_attention_rows(attention),
    )


def _example(row):
    reference, prediction = mark_differences(
        row["document"], row["summary"], row["prediction"], row["unsupported"]
    )
    return {
        "document": _cut(row["document"]),
        "reference": reference,
        "prediction": prediction,
        "scores": {title: row["scores"][name] for name, title in ROUGE_TITLES.items()},
        "error": row.get("error"),
    }


def _attention_rows(attention):
    """Returns the source's tokens, and each target token with its weights scaled to 1, or None."""
    if attention is None:
        return None
    source = attention.source[:_MOST_TOKENS]
    rows = []
    for token, weights in zip(attention.target, attention.weights, strict=True):
        shown = weights[: len(source)]
        scaled = shown / max(float(shown.max()), 1e-9)
        cells = [
            {"token": _readable(word), "shade": round(float(shade), 3), "weight": f"{weight:.3f}"}
            for word, shade, weight in zip(source, scaled, shown, strict=True)
        ]
        rows.append({"token": _readable(token), "cells": cells})
    return {"rows": rows, "cut": len(attention.source) - len(source)}


def _readable(token):
    # sentencepiece's mark of a space.
    return token.replace("▁", " ")


def _cut(text):
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " […]"
