"""Compares the public names of tf_pegasus with those of transformers.

python tools/surface.py                 # writes the table in docs/parity.md anew
python tools/surface.py own FILE        # writes the names of tf_pegasus into FILE, as JSON
python tools/surface.py compare FILE    # compares FILE with the transformers that is installed
python tools/surface.py reference FILE  # the same for transformers; adds the classes FILE lacks

The last two need transformers, not tf_pegasus. The table compares with
`tests/goldens/surface.json`, which `reference` wrote with transformers 4.34.1 and TensorFlow 2.14;
run once more, with transformers 4.57.6 and PyTorch, it added `PegasusForCausalLM`. Why a name is
absent is in `surface_reasons.json`, by name, or by pattern; the first that matches counts.
"""

import argparse
import fnmatch
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from surface_names import own_surface, reference_surface

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "goldens" / "surface.json"
DOCUMENT = ROOT / "docs" / "parity.md"
HEADING = "## The surface\n"
REASONS = json.loads(Path(__file__).with_name("surface_reasons.json").read_text())
STATES = ("same", "differs", "absent")


class Row(NamedTuple):
    """What became of a name of the reference.

    Fields:
        name: `Class.method`, or `Class.method(parameter)`.
        state: one of `STATES`.
        note: how it differs, or why it is absent; None if `surface_reasons.json` has no reason.
    """

    name: str
    state: str
    note: str | None = ""


def compare(ours, theirs):
    """Returns a `Row` for each name of the reference, by class."""
    rows = {}
    for cls, reference in theirs.items():
        rows[cls] = []
        for name, entry in reference["names"].items():
            rows[cls] += _name_rows(cls, name, entry, ours[cls]["names"].get(name))
    return rows


def _name_rows(cls, name, theirs, ours):
    full = cls if name == "__init__" else f"{cls}.{name}"
    if ours is None or "refused" in ours:
        return [_missing(full, ours)]
    if "parameters" not in theirs or "parameters" not in ours:
        return [Row(full, "same")]
    order = _positions(theirs["parameters"]), _positions(ours["parameters"])
    rows = [_order_row(full, *order)]
    for parameter, entry in theirs["parameters"].items():
        own = ours["parameters"].get(parameter)
        rows.append(_parameter_row(f"{full}({parameter})", entry, own))
    return rows


def _missing(full, ours):
    renamed = _found(REASONS["renamed"], full)
    if renamed is not None:
        return Row(full, "differs", f"it is called `{renamed}`")
    refused = (ours or {}).get("refused")
    return Row(full, "absent", refused or _found(REASONS["absent"], full))


def _found(table, full):
    return next((value for key, value in table.items() if fnmatch.fnmatchcase(full, key)), None)


def _positions(parameters):
    placed = [
        (entry["position"], name) for name, entry in parameters.items() if "position" in entry
    ]
    return [name for _, name in sorted(placed)]


def _order_row(full, theirs, ours):
    for number, (one, other) in enumerate(zip(theirs, ours, strict=False), start=1):
        if one != other and _found(REASONS["renamed"], f"{full}({one})") != other:
            return Row(full, "differs", f"positional argument {number} is `{other}`, not `{one}`")
    return Row(full, "same")


def _parameter_row(full, theirs, ours):
    if ours is None or "refused" in ours:
        return _missing(full, ours)
    if "ignored" in ours:
        return Row(full, "differs", f"accepted, without effect: {ours['ignored']}")
    default = theirs.get("default")
    if "default" in theirs and ours.get("default", default) != default:
        if any(fnmatch.fnmatchcase(full, key) for key in REASONS["same_meaning"]):
            return Row(full, "same")
        return Row(full, "differs", f"default {ours['default']!r}, not {default!r}")
    return Row(full, "same")


def counts(rows):
    """Returns the number of rows of each state."""
    counted = Counter(row.state for group in rows.values() for row in group)
    return {state: counted[state] for state in STATES}


def as_markdown(rows, reference):
    """Returns a section for each class: a sentence with the same names, a table of the others."""
    lines = []
    for cls, group in rows.items():
        entry = reference[cls]
        counted = counts({cls: group})
        numbers = ", ".join(f"{counted[state]} {state}" for state in STATES)
        lines += [f"### {cls}\n", f"`{entry['class']}` of {entry['version']}: {numbers}.\n"]
        same = [row.name.removeprefix(f"{cls}.") for row in group if row.state == "same"]
        lines.append("Same: " + _folded(same) + ".\n")
        others = [row for row in group if row.state != "same"]
        if others:
            lines += ["| name | | how, or why |", "|---|---|---|"]
            lines += [
                f"| {' '.join(f'`{name}`' for name in names)} | {state} | {note} |"
                for (state, note), names in _by_note(cls, others).items()
            ]
            lines.append("")
    return "\n".join(lines)


def _by_note(cls, rows):
    notes = {}
    for row in rows:
        note = (row.note or "?").replace("|", "\\|")
        notes.setdefault((row.state, note), []).append(row.name.removeprefix(f"{cls}."))
    return notes


def _folded(names):
    """Returns names as a list in which a method and its parameters are one entry."""
    methods = {}
    for name in names:
        method, _, parameter = name.rstrip(")").partition("(")
        methods.setdefault(method, [])
        if parameter:
            methods[method].append(parameter)
    return ", ".join(f"`{m}({', '.join(ps)})`" if ps else f"`{m}`" for m, ps in methods.items())


def as_json(surface):
    """Returns JSON with a line for each class."""
    lines = (f"{json.dumps(cls)}: {json.dumps(entry)}" for cls, entry in surface.items())
    return "{" + ",\n".join(lines) + "}\n"


def section(ours, theirs):
    """Returns the section of `docs/parity.md`."""
    rows = compare(ours, theirs)
    before = ", ".join(f"{number} {state}" for state, number in REASONS["before"].items())
    after = ", ".join(f"{number} {state}" for state, number in counts(rows).items())
    introduction = (
        "The public names of `transformers`' classes, with the arguments of their methods, each "
        "compared by name, place and default with that of the class here: same, different, or "
        "absent, with the reason. `python tools/surface.py` writes this section; `python "
        "tools/surface.py own FILE` and then, in an environment with any version of "
        "`transformers`, `python tools/surface.py compare FILE` compare with that version. "
        "A name that is the same means that a call is accepted; what it does is tested by the "
        "goldens. Names that only Keras or PyTorch define are not listed, nor are the arguments of "
        "methods that are absent."
    )
    total = f"All classes: {after}. Before the work on this surface (68adec3): {before}."
    return f"{HEADING}\n{introduction}\n\n{total}\n\n{as_markdown(rows, theirs)}"


def document(ours, theirs):
    """Returns `docs/parity.md` with the section made anew."""
    head = DOCUMENT.read_text().partition(HEADING)[0].rstrip("\n")
    return f"{head}\n\n{section(ours, theirs).rstrip()}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", nargs="?", choices=("own", "reference", "compare"))
    parser.add_argument("file", nargs="?", type=Path)
    arguments = parser.parse_args()
    if (arguments.action is None) != (arguments.file is None):
        parser.error("an action needs a file")
    if arguments.action is None:
        DOCUMENT.write_text(document(own_surface(), json.loads(GOLDEN.read_text())))
    elif arguments.action == "compare":
        theirs = reference_surface()
        rows = compare(json.loads(arguments.file.read_text()), theirs)
        print(as_markdown(rows, theirs))
        print(counts(rows))
    elif arguments.action == "own":
        arguments.file.write_text(as_json(own_surface()))
    else:
        found = json.loads(arguments.file.read_text()) if arguments.file.exists() else {}
        arguments.file.write_text(as_json({**reference_surface(), **found}))


if __name__ == "__main__":
    sys.exit(main())
