"""`tf-pegasus train`."""

import re
from dataclasses import MISSING, fields
from typing import Literal, get_args, get_origin, get_type_hints

from tf_pegasus.cli.parser import OneLineErrors, add_debug
from tf_pegasus.training.config import TrainingArguments

DESCRIPTION = "Train or fine-tune a model; repeat the command to resume."
_METAVARS = {str: "PATH", int: "N", float: "X"}
_KINDS = {str: "text", int: "an int", float: "a number", bool: "true or false"}


def build_parser(prog):
    return build_dataclass_parser(prog, DESCRIPTION, TrainingArguments)


def run(arguments):
    from tf_pegasus.utils.backend import load_backend

    names = [field.name for field in fields(TrainingArguments)]
    settings = TrainingArguments(**{name: arguments[name] for name in names})
    load_backend()
    from tf_pegasus.training.train import train

    train(settings)


def build_dataclass_parser(prog, description, dataclass):
    """Builds a parser with a flag for each field of a dataclass, and `--config FILE`.

    Args:
        prog, description: str, name and description of the parser.
        dataclass: dataclass whose docstring describes its fields in a section `Attributes`.

    Returns:
        `jsonargparse.ArgumentParser`.
    """
    # Its import takes a while, which the other commands need not wait for.
    import docstring_parser
    import jsonargparse

    types = get_type_hints(dataclass)
    help_texts = {
        param.arg_name: " ".join(param.description.split())
        for param in docstring_parser.parse(dataclass.__doc__).params
    }

    class Parser(OneLineErrors, jsonargparse.ArgumentParser):
        def error(self, message, *_):
            super().error(_plain(str(message), types))

    parser = Parser(prog=prog, description=description)
    parser.add_argument(
        "--config", action="config", metavar="FILE", help="YAML with values of the flags below"
    )
    add_debug(parser)
    for field in fields(dataclass):
        hint = types[field.name]
        required = field.default is MISSING
        action = parser.add_argument(
            _flag(field.name),
            type=hint,
            required=required,
            default=None if required else field.default,
            metavar=_METAVARS.get(_values(hint)[0]),
            help=help_texts[field.name],
        )
        if get_origin(hint) is Literal:
            # For completion.
            action.choices = get_args(hint)
    return parser


def _flag(name):
    return "--" + name.replace("_", "-")


def _values(hint):
    """Returns the values of a Literal, the types of a union except None, or the type itself."""
    return tuple(value for value in get_args(hint) or (hint,) if value is not type(None))


def _plain(message, types):
    """Rewrites a message of jsonargparse about the value of a field."""
    found = re.match(r'Parser key "(\w+)":.*(?:Got value|Given value): (.*)', message, re.DOTALL)
    if found is None or found[1] not in types:
        return re.sub(r'^Parser key "(\w+)"', lambda key: _flag(key[1]), message)
    name, value = found.groups()
    wanted = [_KINDS.get(value, value) for value in _values(types[name])]
    start = "one of " if len(wanted) > 1 else ""
    return f"argument {_flag(name)}: {value!r} must be {start}{', '.join(wanted)}"
