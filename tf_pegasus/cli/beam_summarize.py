"""`tf-pegasus beam-summarize`."""

import logging

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
    parser.add_argument(
        "--num-shards", type=int, default=1, metavar="N", help="number of output files"
    )
    parser.add_argument(
        "beam_arguments",
        nargs="*",
        metavar="-- BEAM_ARGUMENT",
        help="arguments of Beam, such as -- --runner FlinkRunner --flink_master HOST:PORT",
    )
    return parser


def run(arguments):
    from tf_pegasus.utils.backend import load_backend
    from tf_pegasus.utils.extras import require

    load_backend()
    if not arguments.debug:
        # Beam logs the traceback of each attempt; the error that ends the pipeline is enough.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    # Beam warns about optional libraries while it is imported.
    logging.disable(logging.WARNING)
    try:
        require("apache_beam", "beam")
        # Defines subclasses of Beam's classes, and Beam is optional.
        from tf_pegasus.serving.beam_summarize import summarize_files
    finally:
        logging.disable(logging.NOTSET)

    counts = summarize_files(
        arguments.input,
        arguments.output,
        arguments.saved_model,
        arguments.num_shards,
        arguments.signature,
        arguments.beam_arguments,
    )
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))
