"""Arguments for the model whose files a command reads, and for changes of its configuration."""

import argparse
import json


def add_source(parser):
    """Adds `SRC`, `--config` and `--revision`."""
    parser.add_argument(
        "source",
        metavar="SRC",
        help="directory, TF1 checkpoint prefix, name on the hub, or 'bundled'",
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        type=_config_value,
        metavar="NAME=VALUE",
        help="override a value of the configuration; may be repeated",
    )


def _config_value(text):
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
