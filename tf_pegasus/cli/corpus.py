"""`tf-pegasus corpus`."""

import argparse

from tf_pegasus.cli.parser import CommandParser, add_debug
from tf_pegasus.corpora.debian import APT_LISTS

DESCRIPTION = "Write a training corpus."


def build_parser(prog):
    parser = CommandParser(prog=prog, description=DESCRIPTION)
    corpora = parser.add_subparsers(required=True, metavar="CORPUS")
    description = "Package descriptions and synopses, from apt's lists"
    debian = corpora.add_parser(
        "debian",
        help=description,
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_debug(debian)
    debian.set_defaults(make=_make_debian)
    debian.add_argument("directory", metavar="OUT_DIR", help="new or empty directory")
    debian.add_argument(
        "--lists", default=APT_LISTS, metavar="DIR", help="directory of apt's lists"
    )
    debian.add_argument(
        "--held-out",
        type=int,
        default=2000,
        metavar="N",
        help="number of test documents; half as many for validation",
    )
    debian.add_argument(
        "--max-per-family",
        type=int,
        default=50,
        metavar="N",
        help="largest number of training documents of similar packages",
    )
    return parser


def run(arguments):
    counts = arguments.make(arguments)
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))


def _make_debian(arguments):
    from tf_pegasus.corpora.debian import write_corpus

    return write_corpus(
        arguments.directory, arguments.lists, arguments.held_out, arguments.max_per_family
    )
