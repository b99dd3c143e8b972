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
        help="of PREFIX-00000-of-00001.jsonl and PREFIX-rejected-00000-of-00001.jsonl",
    )
    parser.add_argument(
        "--saved-model", required=True, metavar="DIR", help="as the workers see it; see export"
    )
    parser.add_argument(
        "--signature", default="serving_default", metavar="NAME", help="see export --engine"
    )
    parser.add_argument("--num-shards", type=int, default=1, metavar="N", help="output files")
    parser.add_argument(
        "beam_arguments",
        nargs="*",
        metavar="-- BEAM_ARGUMENT",
        help="Beam's own, such as -- --runner FlinkRunner --flink_master HOST:PORT",
    )
    return parser


def run(arguments):
    from tf_pegasus.utils.backend import load_backend
    from tf_pegasus.utils.extras import require

    load_backend()
    if not arguments.debug:
        # Beam logs the traceback of each attempt; the error that ends the pipeline says why.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    # Beam warns of optional libraries while it is imported.
    logging.disable(logging.WARNING)
    try:
        require("apache_beam", "beam")
        # It makes classes of Beam's, which not everybody has.
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
