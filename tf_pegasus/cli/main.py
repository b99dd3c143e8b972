"""The `tf-pegasus` command: finds a command's module, runs it and reports errors."""

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
    "pretrain-data",
    "pretrain",
    "convert",
    "info",
    "corpus",
    "train-vocab",
)
FAILURE = 1


def main(argv=None):
    """Runs a command.

    Args:
        argv: list of str; by default the arguments of the process.

    Returns:
        int, the exit code: 0; 1 after one line on standard error that describes the error; or
        130 if the command was interrupted (143 by SIGTERM, where a command handles it). Usage
        errors exit with 2.
    """
    if sys.stderr is None:
        # Standard error is closed, and `print` to None would print to standard output.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    name, rest, debug = _find_command(argv)
    command = command_module(name)
    code, interruption = FAILURE, ""
    with _interrupts() as interrupts, _warnings_in_one_line():
        try:
            arguments = command.build_parser(f"tf-pegasus {name}").parse_args(rest)
            debug = debug or arguments.debug
            code = _run(command, arguments, debug)
        except KeyboardInterrupt as error:
            interrupts.append(getattr(error, "signal", signal.SIGINT))
            interruption = str(error)
        except BrokenPipeError:
            # The reader closed the pipe, as `head` does: there is nobody to tell.
            code = FAILURE
        except Exception as error:
            # An interrupted import may fail with another exception.
            if not interrupts:
                if debug:
                    traceback.print_exc()
                messages.error(messages.describe(error))
        if interrupts:
            print(f"tf-pegasus: interrupted{interruption and ': '}{interruption}", file=sys.stderr)
            code = 128 + interrupts[-1]
    _give_up_unwritable_output()
    return code


def _run(command, arguments, debug):
    """Runs a command's module; returns its exit code."""
    if sys.stdout is None:
        raise OSError("standard output is closed")
    if not debug:
        # Errors in C++ are raised in Python, too.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    code = command.run(arguments) or 0
    sys.stdout.flush()
    return code


def command_module(name):
    """Imports a command's module, which does not import TensorFlow."""
    return importlib.import_module(f"tf_pegasus.cli.{name.replace('-', '_')}")


def _find_command(argv):
    """Parses the name of a command, its arguments and the debug flag."""
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
    """Returns a parser of the options before the command's name."""
    parser = CommandParser(prog="tf-pegasus", add_help=False)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add_debug(parser)
    parser.add_argument(
        "--completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        help="print a completion script for the shell's start-up file",
    )
    return parser


class _MainParser(CommandParser):
    """Lists the commands in its help, which alone imports all of their modules."""

    def format_help(self):
        width = max(map(len, COMMANDS)) + 2
        lines = (f"  {name:{width}}{command_module(name).DESCRIPTION}" for name in COMMANDS)
        self.epilog = "\n".join(
            [
                "commands:",
                *lines,
                "",
                "tf-pegasus COMMAND --help describes a command.",
                "Exit codes: 0 success; 1 error, described on standard error; 2 usage error;",
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
    """Redirects standard output, so that the interpreter does not fail to flush it at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _interrupts():
    """Yields a list that gets an entry when the process is interrupted with SIGINT."""
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
