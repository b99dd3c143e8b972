"""`tf-pegasus convert`."""

from tf_pegasus.bundled import model_location
from tf_pegasus.checkpoints.formats import FILE_DTYPES, MAX_SHARD_SIZE, WEIGHTS_FORMATS
from tf_pegasus.cli.parser import command_parser
from tf_pegasus.cli.source import add_source

DESCRIPTION = "Write a model's weights in another published format."


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION)
    add_source(parser)
    parser.add_argument("destination", metavar="DST", help="new or empty directory")
    parser.add_argument(
        "--to", choices=WEIGHTS_FORMATS, default="safetensors", help="format to write"
    )
    parser.add_argument("--dtype", choices=FILE_DTYPES, help="dtype of the source if absent")
    parser.add_argument(
        "--max-shard-size",
        default=MAX_SHARD_SIZE,
        metavar="SIZE",
        help="largest size of a safetensors file",
    )
    parser.add_argument(
        "--revision", metavar="COMMIT", help="commit, tag or branch of a name on the hub"
    )
    return parser


def run(arguments):
    from tf_pegasus.utils.backend import load_backend

    load_backend()
    from tf_pegasus.conversion import convert

    convert(
        model_location(arguments.source),
        arguments.destination,
        arguments.to,
        arguments.dtype,
        arguments.max_shard_size,
        revision=arguments.revision,
        **dict(arguments.config),
    )
    print(arguments.destination)
