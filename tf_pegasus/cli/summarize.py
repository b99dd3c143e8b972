"""`tf-pegasus summarize`."""

import sys

from tf_pegasus.cli.documents import EPILOG, Summaries, add_documents, read_documents
from tf_pegasus.cli.models import check_model, load_summarizer
from tf_pegasus.cli.parser import (
    add_generation,
    add_model,
    add_running,
    command_parser,
    generation_options,
)
from tf_pegasus.cli.progress import progress_bar

DESCRIPTION = "Summarize documents."
# Batches that are read ahead and sorted by length together: few, so that the first summaries
# appear soon, but enough to save most of the padding.
WINDOW = 4


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION, EPILOG)
    add_documents(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="mark numbers and names that the document does not contain, as in [1998?] (with "
        "--jsonl, list them as 'unsupported')",
    )
    add_model(parser)
    add_running(parser, batch_size=8)
    add_generation(parser)
    return parser


def run(arguments):
    options = generation_options(arguments)
    check_model(arguments)
    summaries = Summaries(arguments, check=arguments.check)
    summarizer = None

    def summarize(texts):
        nonlocal summarizer
        summarizer = load_summarizer(arguments)
        return summarizer.stream(
            texts,
            batch_size=arguments.batch_size,
            engine=arguments.engine,
            progress=bar.update,
            errors="keep",
            window=WINDOW,
            **options,
        )

    with progress_bar(hidden=sys.stdout.isatty()) as bar:
        try:
            for document, summary in summaries.print_all(read_documents(arguments), summarize):
                if summary.tokens_dropped:
                    summaries.note_truncated(
                        document,
                        f"the model reads {summarizer.max_source_length} tokens, the last "
                        f"{summary.tokens_dropped} were dropped",
                    )
        finally:
            bar.close()
            code = summaries.finish()
    return code
