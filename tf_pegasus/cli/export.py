"""`tf-pegasus export`."""

import argparse

from tf_pegasus.cli.models import check_model, load_summarizer
from tf_pegasus.cli.parser import add_generation, add_model, command_parser, generation_options
from tf_pegasus.serving.options import EXPORT_ENGINES, MAX_TEXT_BYTES, WEIGHTS

DESCRIPTION = "Write a new version of a SavedModel that takes strings and returns summaries."


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION)
    parser.add_argument("directory", metavar="DIR", help="directory of versions: DIR/1, DIR/2, …")
    add_model(parser)
    parser.add_argument(
        "--engine",
        choices=EXPORT_ENGINES,
        default="xla",
        help="xla is faster, but TF Serving must enable it; graph runs everywhere",
    )
    parser.add_argument("--version", type=int, metavar="N", help="next version if absent")
    parser.add_argument("--weights", choices=WEIGHTS, help="precision; the model's if absent")
    for name, help_text in (
        ("batch", "batch sizes; larger requests are split"),
        ("length", "lengths in tokens; longer documents are truncated"),
    ):
        parser.add_argument(f"--{name}-buckets", type=int, nargs="+", metavar="N", help=help_text)
    parser.add_argument(
        "--adjustable",
        action="store_true",
        help="let requests set num_beams, max_length and length_penalty",
    )
    parser.add_argument(
        "--max-text-bytes",
        type=int,
        default=MAX_TEXT_BYTES,
        metavar="N",
        help="longer texts are truncated",
    )
    parser.add_argument(
        "--warmup",
        action=argparse.BooleanOptionalAction,
        help="write requests that TF Serving replays at start; default if the "
        "extra 'serving' is installed",
    )
    parser.add_argument(
        "--evaluate",
        metavar="FILE",
        help="JSONL or CSV with document and summary: compare ROUGE of the export and of the model",
    )
    add_generation(parser)
    return parser


def run(arguments):
    from tf_pegasus.data.readers import read_records
    from tf_pegasus.evaluation.rouge import RougeScorer

    options = generation_options(arguments)
    check_model(arguments)
    records = []
    if arguments.evaluate:
        RougeScorer()  # raises before the model is loaded, if its package is not installed
        records = list(read_records(arguments.evaluate))
    summarizer = load_summarizer(arguments)
    from tf_pegasus.serving.export import export_saved_model
    from tf_pegasus.serving.report import rouge_report, size_report

    path = export_saved_model(
        summarizer,
        arguments.directory,
        engine=arguments.engine,
        version=arguments.version,
        weights=arguments.weights,
        batch_buckets=arguments.batch_buckets,
        length_buckets=arguments.length_buckets,
        adjustable=arguments.adjustable,
        max_text_bytes=arguments.max_text_bytes,
        warmup=arguments.warmup,
        **options,
    )
    print(path)
    print(size_report(path, summarizer.model))
    if records:
        print(rouge_report(path, summarizer, records, **options))
