"""Locates a model: in a directory, or in a repository of the Hugging Face hub."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, Self

from tf_pegasus.utils.extras import require


@dataclass(frozen=True)
class HubOptions:
    """Options for downloading a repository, with the names of `transformers`' `from_pretrained`.

    Attributes:
        revision: str, a commit, tag or branch; by default the main branch.
        token: str or bool, token of an account that may read the repository.
        cache_dir: path of the downloads; by default that of the hub's library.
        force_download: bool, whether to download files that are in the cache again.
        proxies: dict from URL scheme (`"https"`) to a proxy's URL, for this call.
        local_files_only: bool, whether to use only the cache.
        subfolder: str, the folder of the model in the repository or directory.

    Raises:
        ValueError: if `force_download` and `local_files_only` contradict each other, or
            `subfolder` is not inside the repository or directory.
    """

    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    force_download: bool = False
    proxies: Mapping[str, str] | None = None
    local_files_only: bool = False
    subfolder: str | None = None

    def __post_init__(self):
        if self.force_download and self.local_files_only:
            raise ValueError(
                "force_download=True and local_files_only=True contradict each other: only one of "
                "them can be set"
            )
        parts = PurePosixPath(self.subfolder or "").parts
        if ".." in parts or "/" in parts:
            raise ValueError(f"subfolder={self.subfolder!r} must be a folder inside the model's")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Returns the names of the options."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def split(cls, keywords: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Splits keywords into these options and all others."""
        names = cls.names()
        own = {name: value for name, value in keywords.items() if name in names}
        rest = {name: value for name, value in keywords.items() if name not in names}
        if own.get("subfolder") == "":
            own["subfolder"] = None
        return cls(**own), rest


def local_directory(
    path: str | Path,
    patterns: Sequence[str],
    alternatives: Sequence[Sequence[str]] = (),
    options: HubOptions | None = None,
) -> Path:
    """Returns `path` if it is a directory, otherwise downloads the repository of that name.

    Args:
        path: path of a directory, or `"owner/name"`.
        patterns: shell patterns of the files to download.
        alternatives: groups of further patterns, of which only the first group that matches
            files of the repository is downloaded.
        options: `HubOptions`.

    Returns:
        `Path` of the directory, or of its folder `options.subfolder`.

    Raises:
        FileNotFoundError: if there is no such directory, repository or subfolder, or if the
            hub cannot be reached and its cache does not have the repository.
        ImportError: if `huggingface_hub` is not installed.
    """
    options = options or HubOptions()
    if str(path) and Path(path).is_dir():
        directory = Path(path)
    else:
        directory = _repository(str(path), _Wanted(patterns, alternatives, options), options)
    if options.subfolder is None:
        return directory
    if not (directory / options.subfolder).is_dir():
        raise FileNotFoundError(f"{str(path)!r} has no folder {options.subfolder!r}")
    return directory / options.subfolder


class _Wanted:
    """The files to download."""

    def __init__(self, patterns, alternatives, options):
        folder = f"{options.subfolder.strip('/')}/" if options.subfolder else ""
        self._always = [folder + pattern for pattern in patterns]
        self._groups = [[folder + pattern for pattern in group] for group in alternatives]

    def of(self, names):
        """Returns the patterns for a repository that has these files."""
        for group in self._groups:
            if any(PurePosixPath(name).match(pattern) for name in names for pattern in group):
                return [*self._always, *group]
        return self._always

    def possible(self):
        """Returns the lists of patterns that an earlier download may have had."""
        return [[*self._always, *group] for group in self._groups] or [self._always]


def _repository(name, wanted, options):
    # Repositories are called owner/name; other names must be directories.
    if os.path.isabs(name) or name.startswith((".", "~")) or name.count("/") != 1:
        raise FileNotFoundError(f"no model directory at {name!r}")
    hub = require("huggingface_hub", "hub")
    common = {"repo_id": name, "revision": options.revision, "cache_dir": options.cache_dir}
    if options.local_files_only:
        return _cached(hub, common, wanted, "and may not be fetched")
    try:
        with _proxies(hub, options.proxies):
            info = hub.HfApi().model_info(name, revision=options.revision, token=options.token)
            return Path(
                hub.snapshot_download(
                    allow_patterns=wanted.of([sibling.rfilename for sibling in info.siblings]),
                    token=options.token,
                    force_download=options.force_download,
                    **common,
                )
            )
    except hub.errors.HFValidationError as error:
        raise FileNotFoundError(f"no model directory at {name!r}") from error
    except hub.errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"{name!r} is neither a directory nor a repository of the hub that you may read"
        ) from error
    except hub.errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"{name!r} has no revision {options.revision!r}") from error
    # The hub's library passes on the exceptions of its HTTP client, which it has changed before.
    except Exception as error:
        why = f"the hub cannot be reached ({type(error).__name__})"
        if options.force_download:
            raise FileNotFoundError(f"{name!r} cannot be fetched again: {why}") from error
        return _cached(hub, common, wanted, f"and {why}")


@contextlib.contextmanager
def _proxies(hub, proxies) -> Iterator[None]:
    """Lets the hub's library use these proxies in a block.

    Its functions have no argument for proxies, and it reads the environment when it creates a
    client.
    """
    if not proxies:
        yield
        return
    names = {f"{scheme.removesuffix('://')}_proxy": url for scheme, url in proxies.items()}
    values = {**names, **{name.upper(): url for name, url in names.items()}}
    before = {name: os.environ.get(name) for name in values}
    hub.close_session()
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        hub.close_session()


def _cached(hub, common, wanted, why):
    """Returns the directory of an earlier download.

    Raises:
        FileNotFoundError: if there is none.
    """
    # The hub's library rejects a cache without all files of the patterns, and which group of
    # patterns was downloaded is not known.
    for patterns in wanted.possible():
        try:
            return Path(
                hub.snapshot_download(allow_patterns=patterns, local_files_only=True, **common)
            )
        except (hub.errors.LocalEntryNotFoundError, OSError):
            continue
        except hub.errors.HFValidationError as error:
            raise FileNotFoundError(f"no model directory at {common['repo_id']!r}") from error
    raise FileNotFoundError(f"{common['repo_id']!r} is not a directory, is not in the cache, {why}")
