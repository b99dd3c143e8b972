"""Tables of the results of `evaluate`, for terminal and report."""

ROUGE_TITLES = {
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
}
MEASURE_TITLES = {
    "words": "words",
    "coverage": "coverage",
    "density": "density",
    "novel_2grams": "novel 2-grams %",
    "repeated_3grams": "repeated 3-grams %",
    "unsupported_numbers": "unsupported numbers",
    "unsupported_names": "unsupported names",
}


def rouge_table(systems: dict[str, dict]) -> list[list[str]]:
    """Returns header and rows: ROUGE's F1 with its interval, BLEU and chrF.

    Args:
        systems: dict from name to scores, see `evaluate`; those without ROUGE are left out.
    """
    rows = [["", *ROUGE_TITLES.values(), "BLEU", "chrF"]]
    for name, scores in systems.items():
        if "rouge1" not in scores:
            continue
        cells = []
        for metric in ROUGE_TITLES:
            f1 = scores[metric]["fmeasure"]
            cells.append(f"{f1['mean']:.1f} [{f1['low']:.1f}, {f1['high']:.1f}]")
        rows.append([name, *cells, *(f"{scores[m]['score']:.1f}" for m in ("bleu", "chrf"))])
    return rows


def measures_table(systems: dict[str, dict]) -> list[list[str]]:
    """Returns header and rows: the measures that need no reference summary.

    Args:
        systems: see `rouge_table`.
    """
    rows = [[name, *(f"{each[m]:.2f}" for m in MEASURE_TITLES)] for name, each in systems.items()]
    return [["", *MEASURE_TITLES.values()], *rows]


def markdown(table: list[list[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [table[0], ["---"] * len(table[0]), *table[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
