"""`tf-pegasus beam-summarize`."""

from tf_pegasus.cli.beam import add_beam, beam_imports
from tf_pegasus.cli.parser import command_parser

DESCRIPTION = "Summarize files of any size with Apache Beam and an exported model."


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION)
    parser.add_argument(
        "--input", required=True, metavar="PATTERN", help="JSONL files, such as 'docs-*.jsonl'"
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="PREFIX",
        help="writes PREFIX-00000-of-00001.jsonl and PREFIX-rejected-00000-of-00001.jsonl",
    )
    parser.add_argument(
        "--saved-model", required=True, metavar="DIR", help="exported model, as the workers see it"
    )
    parser.add_argument(
        "--signature",
        default="serving_default",
        metavar="NAME",
        help="signature; see export --engine",
    )
    add_beam(parser)
    return parser


def run(arguments):
    from tf_pegasus.utils.backend import load_backend

    load_backend()
    with beam_imports(arguments.debug):
        # Defines subclasses of Beam's classes, and Beam is optional.
        from tf_pegasus.serving.beam_summarize import summarize_files

    counts = summarize_files(
        arguments.input,
        arguments.output,
        arguments.saved_model,
        arguments.num_shards,
        arguments.signature,
        arguments.beam_arguments,
    )
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))
