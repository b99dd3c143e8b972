"""Locates the model that comes with the package."""

from pathlib import Path

# Its name on the command line.
BUNDLED = "bundled"
_NAME = "debian-synopsis"


def bundled_model():
    """Returns the directory of the bundled model, `debian-synopsis`.

    Returns:
        `Path`.

    Raises:
        FileNotFoundError: if this installation lacks it.
    """
    package = Path(__file__).parent
    # In an installation it is inside the package, in a checkout beside it.
    for parent in (package, package.parent):
        path = parent / "saved_models" / _NAME
        if path.is_dir():
            return path
    raise FileNotFoundError(
        f"the bundled model {_NAME!r} is not part of this installation: name a model"
    )


def model_location(name):
    """Returns `bundled_model()` for `"bundled"`, and any other name or path unchanged."""
    return bundled_model() if name == BUNDLED else name
