"""The directory of a training run: whose it is, who works in it, and what a kill left there."""

import contextlib
import csv
import io
import re
from pathlib import Path

import tensorflow as tf

from tf_pegasus.training.config import TrainingArguments
from tf_pegasus.training.config_file import dump, load
from tf_pegasus.utils.files import write_text_atomically
from tf_pegasus.utils.leftovers import RANDOM, remove_matching
from tf_pegasus.utils.locks import is_lock_file, locked

CONFIG_FILE = "config.yaml"
COMMAND_FILE = "command.txt"
LOG_FILE = "log.csv"
LOCK_FILE = "lock"
# Of files that appear whole or not at all, and of the directory that weights are written in.
_MODEL_LEFTOVERS = (rf"\.[\w.-]+\.(json|model)\.{RANDOM}", rf"\.saving-{RANDOM}")
_STATE_FILES = "|".join(map(re.escape, (CONFIG_FILE, COMMAND_FILE, LOG_FILE)))
_STATE_LEFTOVERS = (rf"\.({_STATE_FILES})\.{RANDOM}",)


class RunDirectory(contextlib.ExitStack):
    """Context manager of a run's directory, which one training at a time works in.

    Nothing is written, not even the lock, before `start`.

    Args:
        path: `Path`, the model's; the run's own files lie in `training` below it.
        settings: dict of the run's settings by section and field. But for `output_dir`, a resumed
            run must have them in common with the one that it resumes.
        command: str, the content of the file with the command that repeats the run.
        is_writer: bool, whether this process writes, rather than another one of the same run: then
            nothing is checked, locked or written here.
        kind: class of the settings.

    Attributes:
        state: `Path` of the run's own files.
        checkpoint: `Path` of the directory of what resuming needs.
        log: `Path` of the table of losses.

    Raises:
        ValueError: it holds something else, or a run with other arguments.
        LockedError: another training works in it.
    """

    def __init__(self, path, settings, command="", is_writer=True, kind=TrainingArguments):
        super().__init__()
        self.path = path
        self.state = path / "training"
        self.checkpoint = self.state / "checkpoint"
        self.log = self.state / LOG_FILE
        self._settings = settings
        self._command = command
        self._is_writer = is_writer
        self._kind = kind
        self._is_locked = False

    def __enter__(self):
        super().__enter__()
        if not self._is_writer:
            return self
        try:
            if self.state.is_dir():
                self._lock()
            self._check()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def has_checkpoint(self):
        """bool, whether there is something to resume."""
        return self._last_checkpoint() is not None

    def start(self):
        """Makes the directory a run's, and removes what a killed one left half-written."""
        if not self._is_writer:
            return
        self.state.mkdir(parents=True, exist_ok=True)
        self._lock()
        # Again: somebody may have been here since.
        self._check()
        remove_matching(self.path, _MODEL_LEFTOVERS)
        remove_matching(self.state, _STATE_LEFTOVERS)
        self._remove_old_checkpoints()
        write_text_atomically(self.state / COMMAND_FILE, self._command)
        write_text_atomically(self.state / CONFIG_FILE, dump(self._settings))

    def cut_log(self, intervals):
        """Takes the rows out of the table of losses that will be written again.

        Args:
            intervals: int, how many are done for good.
        """
        if not self._is_writer or not self.log.is_file():
            return
        # Without the last line if a kill left half of it.
        whole, _, _ = self.log.read_bytes().decode("utf-8", "replace").rpartition("\n")
        header, *rows = list(csv.reader(whole.splitlines())) or [[]]
        kept = {}
        for row in rows:
            if len(row) == len(header) and row[0].isdecimal() and int(row[0]) < intervals:
                kept[int(row[0])] = row
        text = io.StringIO(newline="")
        if kept:
            csv.writer(text).writerows([header, *(kept[number] for number in sorted(kept))])
        write_text_atomically(self.log, text.getvalue())

    def _last_checkpoint(self):
        """The name of the checkpoint that was finished last, None where there is none.

        TensorFlow replaces the file that names it, which is whole or damaged, never half-written.
        """
        file = self.checkpoint / "checkpoint"
        if not file.is_file():
            return None
        try:
            state = tf.train.get_checkpoint_state(str(self.checkpoint))
        except ValueError:
            state = None
        name = Path(state.model_checkpoint_path).name if state else ""
        if not name or not (self.checkpoint / f"{name}.index").is_file():
            raise ValueError(
                f"{str(file)!r} is damaged, or the checkpoint that it names is missing: put the "
                f"files back, or remove {str(self.checkpoint)!r} to start again"
            )
        return name

    def _remove_old_checkpoints(self):
        """Removes all checkpoints, whole or not, but the last one that was finished."""
        if not self.checkpoint.is_dir():
            return
        last = self._last_checkpoint() or "ckpt-0"
        others = (
            rf"(?!{re.escape(last)}\.(index|data-\d+-of-\d+)$)ckpt-\d+(_temp|\..*)",
            r"checkpoint\.tmp\w*",
        )
        remove_matching(self.checkpoint, others)

    def _lock(self):
        if not self._is_locked:
            self.enter_context(locked(self.state / LOCK_FILE, f"output_dir={str(self.path)!r}"))
            self._is_locked = True

    def _check(self):
        """Raises unless it is new, empty, or holds a run with these arguments."""
        file = self.state / CONFIG_FILE
        if file.is_file():
            found = load(file, self._kind)
            for name, (section, field) in self._kind.flags().items():
                there = found.get(section, {}).get(field.name)
                wanted = self._settings.get(section, {}).get(field.name)
                if name != "output_dir" and there != wanted:
                    raise ValueError(
                        f"output_dir={str(self.path)!r} holds a run with other arguments "
                        f"({name}={there!r} there): repeat them to resume it, or give another "
                        "directory"
                    )
        elif self.path.exists() and not self._is_just_made():
            raise ValueError(f"output_dir={str(self.path)!r} is not empty, and not a training run")

    def _is_just_made(self):
        """Whether it is empty, or a training was killed before it wrote its arguments."""
        if not all(path == self.state for path in self.path.iterdir()):
            return False
        names = [path.name for path in self.state.iterdir()] if self.state.is_dir() else []
        return all(
            is_lock_file(name, LOCK_FILE)
            or name == COMMAND_FILE
            or any(re.fullmatch(pattern, name) for pattern in _STATE_LEFTOVERS)
            for name in names
        )
