"""`tf-pegasus info`."""

import json

from tf_pegasus.bundled import model_location
from tf_pegasus.cli.parser import command_parser
from tf_pegasus.cli.source import add_source

DESCRIPTION = "Show configuration, parameter counts, files and dtypes of a model."


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION)
    add_source(parser)
    return parser


def run(arguments):
    from tf_pegasus.utils.backend import load_backend

    load_backend()
    from tf_pegasus.conversion import describe

    found = describe(model_location(arguments.source), **dict(arguments.config))
    print(f"format: {found.kind}")
    for name, size in found.files.items():
        print(f"file: {name}, {size:,} bytes")
    for dtype, count in found.dtypes.items():
        print(f"dtype: {dtype}, {count:,} parameters")
    for part, count in found.parameters.items():
        print(f"parameters: {part}, {count:,}")
    print(f"config: {json.dumps(found.config.to_dict(), indent=2, sort_keys=True)}")
