"""The command that repeats a run."""

import platform
import shlex
from importlib.metadata import version
from pathlib import Path

from tf_pegasus.training.run_directory import CONFIG_FILE
from tf_pegasus.version import __version__


def repeating_command(output: Path, command: str = "train") -> str:
    """Returns a shell script that trains the same model again.

    Args:
        output: the run's directory.
        command: of `tf-pegasus`.
    """
    config = output.absolute() / "training" / CONFIG_FILE
    versions = [f"tf-pegasus {__version__}", f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy")]
    return (
        f"# The weights are the same to the bit with {', '.join(versions)}, on this kind of "
        "machine.\n"
        f"cd {shlex.quote(str(Path.cwd()))}\n"
        f"tf-pegasus {command} {shlex.quote(str(config))} --output-dir ANOTHER_DIRECTORY\n"
    )
