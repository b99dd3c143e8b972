"""Where a model is: a directory, or a repository of the Hugging Face hub."""

import os
from pathlib import Path

from tf_pegasus.extras import require

# Code and other models' files stay where they are.
_WANTED = (
    "*.json",
    "*.safetensors",
    "pytorch_model*.bin",
    "tf_model.h5",
    "flax_model.msgpack",
    "spiece.model",
)
# Of several formats only the first that is there is fetched.
_FORMATS = (
    ("safetensors", ("*.safetensors",)),
    ("bin", ("pytorch_model*.bin",)),
    ("h5", ("tf_model.h5",)),
    ("msgpack", ("flax_model.msgpack",)),
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
    # No repository is called like this: a directory was meant.
    if os.path.isabs(name) or name.startswith((".", "~")) or name.count("/") > 1 or not name:
        raise FileNotFoundError(f"no model directory at {name!r}")
    hub = require("huggingface_hub", "hub")
    options = {"revision": revision, "cache_dir": cache_dir}
    try:
        ignored = []
        if not local_files_only:
            info = hub.HfApi().model_info(name, revision=revision, token=token)
            ignored = _unneeded([sibling.rfilename for sibling in info.siblings])
        directory = hub.snapshot_download(
            name,
            token=token,
            local_files_only=local_files_only,
            allow_patterns=list(_WANTED),
            ignore_patterns=ignored,
            **options,
        )
    except hub.errors.HFValidationError as error:
        raise FileNotFoundError(f"no model directory at {name!r}") from error
    except hub.errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"{name!r} is neither a directory nor a repository of the hub that you may read"
        ) from error
    except hub.errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"{name!r} has no revision {revision!r}") from error
    except (hub.errors.LocalEntryNotFoundError, hub.errors.HfHubHTTPError, OSError) as error:
        return _cached(hub, name, options, error)
    return Path(directory)


def _unneeded(names):
    """Patterns of the formats behind the first that the repository has."""
    present = [
        patterns
        for _, patterns in _FORMATS
        if any(Path(name).match(pattern) for name in names for pattern in patterns)
    ]
    return [pattern for patterns in present[1:] for pattern in patterns]


def _cached(hub, name, options, error):
    try:
        return Path(hub.snapshot_download(name, local_files_only=True, **options))
    except (hub.errors.LocalEntryNotFoundError, OSError):
        raise FileNotFoundError(
            f"{name!r} is no directory, is not in the cache, and the hub cannot be reached "
            f"({type(error).__name__})"
        ) from error
