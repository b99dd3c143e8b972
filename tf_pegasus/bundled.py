"""Where the model that comes with the package lies."""

from pathlib import Path

BUNDLED_MODEL = "debian-synopsis"


def bundled_model():
    """Returns the directory of the bundled model, `debian-synopsis`.

    Raises:
        FileNotFoundError: this installation lacks it.
    """
    package = Path(__file__).parent
    # Installed, it lies inside the package; in a checkout, beside it.
    for parent in (package, package.parent):
        path = parent / "saved_models" / BUNDLED_MODEL
        if path.is_dir():
            return path
    raise FileNotFoundError(
        f"the bundled model {BUNDLED_MODEL!r} is not part of this installation: name a model"
    )
