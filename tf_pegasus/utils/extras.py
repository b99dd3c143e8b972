"""Imports modules that only an extra installs."""

import importlib
from types import ModuleType


def require(module: str, extra: str) -> ModuleType:
    """Imports a module of an optional dependency.

    Args:
        module: str, such as `"huggingface_hub"`.
        extra: str, the extra of this package that installs it.

    Raises:
        ImportError: if it is not installed; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(
            f"{package} is not installed; install it with: pip install 'tf-pegasus[{extra}]' (in a "
            f"clone: pip install '.[{extra}]')"
        ) from error
