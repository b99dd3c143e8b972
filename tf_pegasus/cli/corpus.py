"""`tf-pegasus corpus`."""

import argparse
from dataclasses import fields

from tf_pegasus.cli.parser import CommandParser, add_debug
from tf_pegasus.corpora.registry import CORPORA

DESCRIPTION = "Write a training corpus."


def build_parser(prog):
    parser = CommandParser(prog=prog, description=DESCRIPTION)
    corpora = parser.add_subparsers(required=True, metavar="CORPUS", dest="corpus")
    for corpus in CORPORA.values():
        one = corpora.add_parser(
            corpus.name,
            help=corpus.description,
            description=f"{corpus.description}. {corpus.licence}",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        add_debug(one)
        one.add_argument("directory", metavar="OUT_DIR", help="new or empty directory")
        for field in fields(corpus):
            _add_flag(one, field)
    return parser


def _add_flag(parser, field):
    flag, settings = "--" + field.name.replace("_", "-"), dict(field.metadata)
    if isinstance(field.default, bool):
        parser.add_argument(flag, action="store_true", help=settings["help"])
        return
    if isinstance(field.default, tuple):
        settings["nargs"] = "+"
    elif settings["metavar"] == "N":
        settings["type"] = int
    parser.add_argument(flag, default=field.default, **settings)


def run(arguments):
    from tf_pegasus.corpora.writing import write_corpus

    corpus = CORPORA[arguments.corpus]
    options = {field.name: getattr(arguments, field.name) for field in fields(corpus)}
    counts = write_corpus(corpus(**options), arguments.directory)
    numbers = {name: count for name, count in counts.items() if isinstance(count, int)}
    print(", ".join(f"{name} {count:,}" for name, count in numbers.items()))
    left_out = ", ".join(f"{count:,} {why}" for why, count in counts["left_out"].items() if count)
    if left_out:
        print(f"left out: {left_out}")
