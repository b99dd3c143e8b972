"""Parsers of commands, and the arguments that several commands share."""

import argparse

from tf_pegasus.bundled import BUNDLED
from tf_pegasus.cli.messages import one_line
from tf_pegasus.config.generation import GenerationConfig
from tf_pegasus.generation.engines import ENGINES

USAGE_ERROR = 2
GENERATION_OPTIONS = (
    "num_beams",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "early_stopping",
)


class OneLineErrors:
    """Makes a parser report usage errors in one line, and exit with 2."""

    def error(self, message, *_):
        self.exit(USAGE_ERROR, f"{self.prog}: error: {one_line(message)} (see --help)\n")


class CommandParser(OneLineErrors, argparse.ArgumentParser):
    """`argparse.ArgumentParser` that reports errors in one line."""


def command_parser(prog, description, epilog=None):
    """Returns a parser with the arguments that all commands share."""
    parser = CommandParser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_debug(parser)
    return parser


def add_debug(parser):
    """Adds `--debug`."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_model(parser):
    """Adds `--model` and `--revision`."""
    parser.add_argument(
        "--model",
        default=BUNDLED,
        metavar="DIR",
        help=f"directory, or name on the hub; {BUNDLED!r} is the bundled model",
    )
    parser.add_argument(
        "--revision", metavar="COMMIT", help="commit, tag or branch of a name on the hub"
    )


def add_running(parser, batch_size):
    """Adds `--batch-size` and `--engine`."""
    parser.add_argument(
        "--batch-size", type=int, default=batch_size, metavar="N", help="documents per batch"
    )
    # In a short process, XLA seldom saves the time that it takes to compile.
    help_text = "xla is faster, but compiles for seconds per bucket of lengths"
    parser.add_argument("--engine", choices=ENGINES, default="graph", help=help_text)


def add_generation(parser):
    """Adds the flags of `GENERATION_OPTIONS`."""
    group = parser.add_argument_group("generation (defaults are the model's settings)")
    group.add_argument("--num-beams", type=int, metavar="N", help="1 is greedy search")
    group.add_argument(
        "--length-penalty", type=float, metavar="X", help="above 0 favours longer summaries"
    )
    group.add_argument("--max-length", type=int, metavar="N", help="in tokens")
    group.add_argument("--min-length", type=int, metavar="N", help="in tokens")
    group.add_argument(
        "--no-repeat-ngram-size", type=int, metavar="N", help="n-grams of this size occur only once"
    )
    group.add_argument(
        "--early-stopping",
        action="store_const",
        const=True,
        help="stop when as many summaries as beams are finished",
    )


def generation_options(arguments):
    """Returns the generation options that were given, checked as far as possible without a model.

    Raises:
        ValueError: if an option is out of range.
    """
    options = {name: getattr(arguments, name) for name in GENERATION_OPTIONS}
    # A max_length that allows any min_length, because the model's own is not known yet.
    GenerationConfig(max_length=2**31 - 1).updated(**options)
    return options
