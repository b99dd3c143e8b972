"""`tf-pegasus pretrain-data`."""

from tf_pegasus.cli.beam import add_beam, beam_imports
from tf_pegasus.cli.parser import command_parser

DESCRIPTION = (
    "Choose documents to pre-train on, each once, from files of any size, with Apache Beam."
)
_RULES = ("min_words", "max_words", "language", "near_duplicates")


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION)
    parser.add_argument(
        "--input",
        required=True,
        metavar="PATTERN",
        help=".txt or .jsonl files, also compressed, such as 'docs-*.txt.gz'",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="PREFIX",
        help="writes PREFIX-00000-of-00001.tfrecord and PREFIX-rejected-00000-of-00001.jsonl",
    )
    parser.add_argument(
        "--text-column", default="text", metavar="NAME", help="field of JSONL files (default: text)"
    )
    parser.add_argument(
        "--text-layout",
        choices=("blocks", "lines", "files"),
        help="a document of a text file ends at a blank line (default), at each line, or with the "
        "file",
    )
    parser.add_argument(
        "--min-words", type=int, metavar="N", help="drop shorter documents (default: 20)"
    )
    parser.add_argument("--max-words", type=int, metavar="N", help="drop longer documents")
    parser.add_argument("--language", metavar="CODE", help="drop documents in others, such as en")
    parser.add_argument(
        "--near-duplicates",
        type=float,
        metavar="X",
        help="keep one of documents that share so much of their 5-grams, such as 0.8",
    )
    add_beam(parser)
    return parser


def run(arguments):
    with beam_imports(arguments.debug):
        # Defines subclasses of Beam's classes, and Beam is optional.
        from tf_pegasus.pretraining.beam_documents import DocumentRules, prepare_documents

    given = {name: getattr(arguments, name) for name in _RULES}
    counts = prepare_documents(
        arguments.input,
        arguments.output,
        DocumentRules(**{name: value for name, value in given.items() if value is not None}),
        text_column=arguments.text_column,
        text_layout=arguments.text_layout,
        num_shards=arguments.num_shards,
        arguments=arguments.beam_arguments,
    )
    print(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()))
