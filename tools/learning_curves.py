"""Plots the losses and the ROUGE of training runs.

    python tools/learning_curves.py RUN [RUN …] --output curves.png

RUN is the output directory of `tf-pegasus train`; with several, each has its own line.
"""

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PANELS = {"loss": "-", "val_loss": "--"}, {"val_rouge1": "-", "val_rougeL": "--"}


def read_log(run):
    """Returns a dict from the name of a column of `log.csv` to its numbers."""
    with (Path(run) / "training" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise SystemExit(f"{run}: no interval of the training has ended yet")
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def plot(runs, output):
    """Writes the plot; panels without a column in the logs are left out."""
    logs = {Path(run).name: read_log(run) for run in runs}
    panels = [p for p in PANELS if any(name in log for log in logs.values() for name in p)]
    figure, axes = plt.subplots(1, len(panels), figsize=(4.5 * len(panels), 3), squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        for number, (run, log) in enumerate(logs.items()):
            for name, style in panel.items():
                if name in log:
                    passes = range(1, len(log[name]) + 1)
                    label = f"{run}: {name}" if len(logs) > 1 else name
                    axis.plot(passes, log[name], style, color=f"C{number}", label=label)
        axis.set_xlabel("validation")
        axis.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(output, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--output", required=True, metavar="FILE")
    arguments = parser.parse_args()
    plot(arguments.runs, arguments.output)


if __name__ == "__main__":
    main()
