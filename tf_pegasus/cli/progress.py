"""Progress bars over documents."""

import sys

from tqdm import tqdm


def progress_bar(total=None, hidden=False):
    """Returns a `tqdm` bar of documents on standard error, if that is a terminal.

    It appears after two seconds, so that short work shows none.

    Args:
        total: int, or None if the number of documents is unknown.
        hidden: bool, whether to show no bar.
    """
    return tqdm(total=total, unit="doc", delay=2, disable=hidden or not sys.stderr.isatty())
