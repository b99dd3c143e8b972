"""What pipelines of Apache Beam have in common: paths, shards of the output, counters.

Importing this module imports Beam (extra `beam`), so import it only where it is used.
"""

import json
import os
from collections.abc import Iterable
from typing import Any

from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

_NAMESPACE = "tf_pegasus"


def from_root(path: str | os.PathLike) -> str:
    """Returns a local path as an absolute path: Beam matches no pattern without a directory."""
    path = os.fspath(path)
    # Not normalized, because a prefix may end in a slash.
    return path if FileSystems.get_scheme(path) else os.path.join(os.getcwd(), path)


def matching_files(pattern: str) -> list[str]:
    """Returns the paths of the files that match a pattern.

    Raises:
        FileNotFoundError: if there is none.
    """
    found = FileSystems.match([pattern])[0].metadata_list
    if not found:
        raise FileNotFoundError(f"no file matches {pattern!r}")
    return [file.path for file in found]


def check_shards(prefix: str, suffix: str, num_shards: int) -> None:
    """Checks that no output files of another run would stay beside those of this one.

    Args:
        prefix, suffix: str, of the names of output files.
        num_shards: int, number of output files.

    Raises:
        ValueError: if `num_shards` is no int of at least 1.
        FileExistsError: if there are files of a run with a different `num_shards`.
    """
    if not isinstance(num_shards, int) or num_shards < 1:
        raise ValueError(f"num_shards={num_shards!r} must be an int of at least 1")
    for found in FileSystems.match([f"{prefix}-?????-of-?????{suffix}"])[0].metadata_list:
        if not found.path.endswith(f"-of-{num_shards:05d}{suffix}"):
            raise FileExistsError(
                f"{found.path!r} is from a run with a different num_shards than {num_shards}: "
                "remove its files, otherwise its records would be duplicated"
            )


def counter(name: str) -> Any:
    """Returns the counter of a name."""
    return Metrics.counter(_NAMESPACE, name)


def counts(result: Any, names: Iterable[str]) -> dict[str, int]:
    """Returns the values of counters of a pipeline that has finished."""
    counters = result.metrics().query()["counters"]
    return {name: sum(c.result for c in counters if c.key.metric.name == name) for name in names}


def as_json_line(record: dict[str, Any]) -> str:
    """Returns a record as JSON."""
    # Escapes lone surrogates, which UTF-8 cannot encode.
    text = json.dumps(record, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
