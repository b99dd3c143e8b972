"""Where a model is: a directory, or a repository of the Hugging Face hub."""

import os
from pathlib import Path

from tf_pegasus.utils.extras import require

# Code and other models' files stay where they are.
_ALWAYS = ("*.json", "spiece.model")
# Of several formats only the first that is there is fetched.
_FORMATS = (
    ("*.safetensors",),
    ("pytorch_model*.bin",),
    ("tf_model.h5",),
    ("flax_model.msgpack",),
)


def local_directory(path, revision=None, token=None, cache_dir=None, local_files_only=False):
    """Returns `path` if it is a directory, else downloads the repository of that name.

    Args:
        path: directory, or `"owner/name"`.
        revision, token, cache_dir, local_files_only: of `huggingface_hub`.

    Returns:
        `Path`.

    Raises:
        FileNotFoundError: there is neither, or the hub cannot be reached and its cache
            does not have it.
        ImportError: `huggingface_hub` is not installed.
    """
    if str(path) and Path(path).is_dir():
        return Path(path)
    name = str(path)
    # Repositories are called owner/name: else a directory was meant.
    if os.path.isabs(name) or name.startswith((".", "~")) or name.count("/") != 1:
        raise FileNotFoundError(f"no model directory at {name!r}")
    hub = require("huggingface_hub", "hub")
    options = {"repo_id": name, "revision": revision, "cache_dir": cache_dir}
    if local_files_only:
        return _cached(hub, options, "and may not be fetched")
    try:
        info = hub.HfApi().model_info(name, revision=revision, token=token)
        patterns = _wanted([sibling.rfilename for sibling in info.siblings])
        return Path(hub.snapshot_download(allow_patterns=patterns, token=token, **options))
    except hub.errors.HFValidationError as error:
        raise FileNotFoundError(f"no model directory at {name!r}") from error
    except hub.errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"{name!r} is neither a directory nor a repository of the hub that you may read"
        ) from error
    except hub.errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"{name!r} has no revision {revision!r}") from error
    # The hub's library lets through what its transport raises, and has changed the transport.
    except Exception as error:
        return _cached(hub, options, f"and the hub cannot be reached ({type(error).__name__})")


def _wanted(names):
    """Patterns of what to fetch of a repository's files."""
    for patterns in _FORMATS:
        if any(Path(name).match(pattern) for name in names for pattern in patterns):
            return [*_ALWAYS, *patterns]
    return list(_ALWAYS)


def _cached(hub, options, why):
    """The directory of an earlier download.

    Raises:
        FileNotFoundError: there was none.
    """
    # The cache counts as incomplete while files that are wanted are missing: which format
    # was fetched is not known.
    for patterns in _FORMATS:
        try:
            return Path(
                hub.snapshot_download(
                    allow_patterns=[*_ALWAYS, *patterns], local_files_only=True, **options
                )
            )
        except (hub.errors.LocalEntryNotFoundError, OSError):
            continue
        except hub.errors.HFValidationError as error:
            raise FileNotFoundError(f"no model directory at {options['repo_id']!r}") from error
    raise FileNotFoundError(f"{options['repo_id']!r} is no directory, is not in the cache, {why}")
