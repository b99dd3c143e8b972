"""The `tf-pegasus` command: finds a command's module, runs it, and reports what goes wrong."""

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
import traceback
import warnings

from tf_pegasus.cli import messages
from tf_pegasus.cli.parser import CommandParser, add_debug
from tf_pegasus.version import __version__

# Each command is a module of this package, with `DESCRIPTION`, `build_parser` and `run`.
COMMANDS = (
    "summarize",
    "train",
    "evaluate",
    "export",
    "client",
    "beam-summarize",
    "convert",
    "info",
    "corpus",
)
FAILURE, INTERRUPTED = 1, 130


def main(argv=None):
    """Runs a command.

    Args:
        argv: list of str; by default the process' arguments.

    Returns:
        int, the exit code: 0; 1 after one line on standard error that says what went wrong; or
        130 where the command was interrupted. Usage errors exit with 2.
    """
    if sys.stderr is None:
        # Closed. `print` to None would print to standard output.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    name, rest, debug = _find_command(argv)
    command = command_module(name)
    code = FAILURE
    with _interrupts() as interrupts, _warnings_in_one_line():
        try:
            arguments = command.build_parser(f"tf-pegasus {name}").parse_args(rest)
            debug = debug or arguments.debug
            code = _run(command, arguments, debug)
        except KeyboardInterrupt:
            interrupts.append(signal.SIGINT)
        except BrokenPipeError:
            # Whoever reads the output has seen enough: nothing is said.
            code = FAILURE
        except Exception as error:
            # An interrupted import may fail with another exception.
            if not interrupts:
                if debug:
                    traceback.print_exc()
                messages.error(messages.describe(error))
        if interrupts:
            print("tf-pegasus: interrupted", file=sys.stderr)
            code = INTERRUPTED
    _give_up_unwritable_output()
    return code


def _run(command, arguments, debug):
    """Runs a command's module; returns its exit code."""
    if sys.stdout is None:
        raise OSError("standard output is closed")
    if not debug:
        # What fails in C++ is raised in Python, too.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    code = command.run(arguments) or 0
    sys.stdout.flush()
    return code


def command_module(name):
    """Imports a command's module, which imports no TensorFlow."""
    return importlib.import_module(f"tf_pegasus.cli.{name.replace('-', '_')}")


def _find_command(argv):
    """Parses what is before the command's own arguments: name, those arguments, debug."""
    parser = _MainParser(
        prog="tf-pegasus",
        description="PEGASUS abstractive summarization on TensorFlow.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common_options()],
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    found = parser.parse_args(argv)
    return found.command, found.arguments, found.debug


def common_options():
    """Returns a parser of what goes before the command's name."""
    parser = CommandParser(prog="tf-pegasus", add_help=False)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add_debug(parser)
    parser.add_argument(
        "--completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        help="print the shell's completion script, to be read by its start-up file",
    )
    return parser


class _MainParser(CommandParser):
    """Lists the commands in its help; their modules are imported for nothing else."""

    def format_help(self):
        width = max(map(len, COMMANDS)) + 2
        lines = (f"  {name:{width}}{command_module(name).DESCRIPTION}" for name in COMMANDS)
        self.epilog = "\n".join(
            [
                "commands:",
                *lines,
                "",
                "tf-pegasus COMMAND --help describes a command.",
                "Exit codes: 0 done; 1 something failed, standard error says what; 2 wrong usage;",
                "130 interrupted.",
            ]
        )
        return super().format_help()


class _PrintCompletion(argparse.Action):
    def __call__(self, parser, namespace, shell, option_string=None):
        from tf_pegasus.cli.completion import completion_script

        commands = {name: command_module(name) for name in COMMANDS}
        print(completion_script(shell, common_options(), commands))
        parser.exit()


def _give_up_unwritable_output():
    """Leaves nothing in standard output's buffer that the interpreter fails to write at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _interrupts():
    """Yields a list that has an entry once the process was interrupted with SIGINT."""
    interrupts = []
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield interrupts
        return

    def interrupt(number, frame):
        interrupts.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _warnings_in_one_line():
    def show(message, category, filename, lineno, file=None, line=None):
        messages.warn(message)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


if __name__ == "__main__":
    sys.exit(main())
