"""What the commands that run Apache Beam share."""

import contextlib
import logging

from tf_pegasus.utils.extras import require


def add_beam(parser):
    """Adds the arguments of all pipelines."""
    parser.add_argument(
        "--num-shards", type=int, default=1, metavar="N", help="number of output files"
    )
    parser.add_argument(
        "beam_arguments",
        nargs="*",
        metavar="-- BEAM_ARGUMENT",
        help="arguments of Beam, such as -- --runner FlinkRunner --flink_master HOST:PORT",
    )


@contextlib.contextmanager
def beam_imports(debug):
    """Imports Beam, for modules that are imported inside, with nothing but errors on stderr.

    Raises:
        ImportError: if it is not installed.
    """
    if not debug:
        # Beam logs the traceback of each attempt; the error that ends the pipeline is enough.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    # Beam warns about optional libraries while it is imported.
    logging.disable(logging.WARNING)
    try:
        require("apache_beam", "beam")
        yield
    finally:
        logging.disable(logging.NOTSET)
