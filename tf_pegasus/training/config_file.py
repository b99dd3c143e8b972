"""The settings of a training as YAML."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tf_pegasus.training.config import TrainingArguments

_MOST_BYTES = 2**20


def dump(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns settings as YAML, which `load` reads.

    Args:
        sections: values by section and field.
    """
    return yaml.safe_dump(dict(sections), sort_keys=False, allow_unicode=True)


def load(
    path: Path, kind: type[TrainingArguments] = TrainingArguments
) -> dict[str, dict[str, Any]]:
    """Reads settings of a kind; their values are not checked.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not YAML, or has a key that is no setting; the message has the nearest
            that is one.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{str(path)!r} is too large for a file of settings")
    try:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} is not valid YAML: {error}") from error
    known = {f"{section}.{field.name}" for section, field in kind.flags().values()}
    if not isinstance(sections, dict):
        raise ValueError(f"{str(path)!r} must have the sections {', '.join(kind.sections)}")
    for section, values in sections.items():
        if section in kind.sections and not isinstance(values, dict):
            raise ValueError(f"{str(path)!r}: {section} must be a section, got {values!r}")
        is_known = section in kind.sections
        keys = [f"{section}.{name}" for name in values] if is_known else [section]
        for key in keys:
            if key not in known:
                raise ValueError(f"{str(path)!r}: unknown key {key}{_suggestion(key, known, kind)}")
    return sections


def _suggestion(key, known, kind):
    """The nearest key, perhaps in another section, or the nearest section."""
    names = {path.split(".")[1]: path for path in known}
    names |= {name: f"{section}.{field.name}" for name, (section, field) in kind.flags().items()}
    names |= {name: name for name in kind.sections}
    section, _, last = str(key).rpartition(".")
    near = difflib.get_close_matches(str(key), known if section else [], 1)
    near += [names[name] for name in difflib.get_close_matches(last, names, 1)]
    if not near:
        return f", known are the sections {', '.join(kind.sections)}"
    return f": did you mean {near[0]}?"
