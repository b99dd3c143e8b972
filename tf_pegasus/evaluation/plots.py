"""Plots of a report, as SVG images in data addresses."""

import base64
import io

import numpy as np

from tf_pegasus.utils.extras import require

# Distinguishable without color vision (Okabe and Ito, 2008).
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#777777"


def systems_plot(systems: dict, metrics: dict[str, str]) -> str:
    """Plots the F1 of each system with its 95 % interval.

    Args:
        systems: dict from name to scores, see `evaluate`.
        metrics: dict from the name of a metric to its title.

    Returns:
        str, a `data:` address.

    Raises:
        ImportError: if the extra `evaluate` is not installed.
    """
    figure = _figure(10, 0.6 + 0.35 * len(systems))
    axes = figure.subplots(1, len(metrics), sharey=True)
    places = range(len(systems), 0, -1)
    for axis, (metric, title) in zip(axes, metrics.items(), strict=True):
        scores = [each[metric]["fmeasure"] for each in systems.values()]
        means = np.array([score["mean"] for score in scores])
        errors = [
            np.maximum(0, [mean - score["low"] for mean, score in zip(means, scores, strict=True)]),
            np.maximum(
                0, [score["high"] - mean for mean, score in zip(means, scores, strict=True)]
            ),
        ]
        colors = [GREY] * (len(systems) - 1) + [BLUE]
        axis.barh(places, means, color=colors, xerr=errors, height=0.7, capsize=2)
        axis.set_title(title, fontsize=10)
        axis.set_yticks(places, labels=list(systems), fontsize=9)
        axis.set_xlim(0, None)
    return _address(figure)


def distributions_plot(columns: dict[str, np.ndarray]) -> str:
    """Plots the number of summaries of each score from 0 to 100.

    Args:
        columns: dict from title to float array, one score of each summary.

    Returns, Raises:
        See `systems_plot`.
    """
    figure = _figure(10, 2.2)
    axes = figure.subplots(1, len(columns), sharey=True)
    for axis, (title, values) in zip(axes, columns.items(), strict=True):
        axis.hist(values, bins=20, range=(0, 100), color=BLUE)
        axis.axvline(values.mean(), color=ORANGE)
        axis.set_title(title, fontsize=10)
    axes[0].set_ylabel("summaries")
    return _address(figure)


def lengths_plot(columns: dict[str, np.ndarray]) -> str:
    """Plots the number of summaries of each length, of two systems over each other.

    Args:
        columns: dict from name to float array, the words of each summary.

    Returns, Raises:
        See `systems_plot`.
    """
    figure = _figure(10, 2.2)
    axis = figure.subplots()
    longest = max(values.max() for values in columns.values())
    width = np.ceil(max(longest, 1) / 60)
    bins = np.arange(-0.5, longest + width, width)
    for color, (name, values) in zip((ORANGE, BLUE), columns.items(), strict=True):
        axis.hist(values, bins=bins, histtype="step", linewidth=1.5, color=color, label=name)
    axis.set_xlabel("words")
    axis.set_ylabel("summaries")
    axis.legend()
    return _address(figure)


def _figure(width, height):
    # Not pyplot's: it would set a backend for the whole process.
    figure = require("matplotlib.figure", "evaluate").Figure(
        figsize=(width, height), layout="constrained"
    )
    return figure


def _address(figure):
    buffer = io.BytesIO()
    # The same plot has the same bytes.
    with require("matplotlib", "evaluate").rc_context({"svg.hashsalt": "tf_pegasus"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
