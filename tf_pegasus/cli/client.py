"""`tf-pegasus client`."""

import itertools

from tf_pegasus.cli.documents import EPILOG, Summaries, add_documents, read_documents
from tf_pegasus.cli.parser import command_parser

DESCRIPTION = "Summarize documents with an exported model on a server."
# Batches sent before the first summaries are printed: as many as may be in flight at a time.
WINDOW = 4


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION, EPILOG)
    parser.add_argument(
        "--address",
        default="localhost:8500",
        metavar="HOST:PORT",
        help="for gRPC, or http://HOST:PORT for REST",
    )
    parser.add_argument(
        "--model-name", default="tf_pegasus", metavar="NAME", help="name on the server"
    )
    parser.add_argument("--model-version", type=int, metavar="N", help="latest if absent")
    parser.add_argument(
        "--signature",
        default="serving_default",
        metavar="NAME",
        help="signature; see export --engine",
    )
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="per request, with retries"
    )
    parser.add_argument(
        "--retries", type=int, default=5, metavar="N", help="retries if the server is unavailable"
    )
    parser.add_argument(
        "--batch-size", type=int, default=16, metavar="N", help="documents per request"
    )
    add_documents(parser)
    group = parser.add_argument_group("generation (for adjustable exports)")
    group.add_argument("--num-beams", type=int, metavar="N", help="1 is greedy search")
    group.add_argument("--max-length", type=int, metavar="N", help="in tokens")
    group.add_argument(
        "--length-penalty", type=float, metavar="X", help="above 0 favours longer summaries"
    )
    return parser


def run(arguments):
    from tf_pegasus.serving.client import ADJUSTABLE, MAX_SENT_BYTES, Client

    options = {name: getattr(arguments, name) for name in ADJUSTABLE}
    summaries = Summaries(arguments)

    def documents():
        for document in read_documents(arguments):
            if len(document.text.encode()) > MAX_SENT_BYTES:
                document.error = f"the text has more than {MAX_SENT_BYTES:,} bytes"
            yield document

    with Client(
        arguments.address,
        arguments.model_name,
        arguments.model_version,
        timeout=arguments.timeout,
        retries=arguments.retries,
        batch_size=arguments.batch_size,
        concurrency=WINDOW,
    ) as client:

        def summarize(texts):
            while window := list(itertools.islice(texts, WINDOW * arguments.batch_size)):
                yield from client.summarize(window, arguments.signature, **options)

        try:
            for document, summary in summaries.print_all(documents(), summarize):
                if summary.truncated:
                    summaries.note_truncated(document, "the server read only the beginning")
        finally:
            code = summaries.finish()
    return code
