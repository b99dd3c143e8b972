"""`tf-pegasus train`."""

import difflib
import re
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from tf_pegasus.cli.parser import OneLineErrors, add_debug
from tf_pegasus.training.config import FLAGS, SECTIONS, TrainingArguments, is_required, nested
from tf_pegasus.training.config_file import dump, load

DESCRIPTION = "Train or fine-tune a model; repeat the command to resume."
_METAVARS = {str: "PATH", int: "N", float: "X"}
_KINDS = {str: "text", int: "an int", float: "a number", bool: "true or false"}


def run(arguments):
    from tf_pegasus.utils.backend import load_backend

    settings = TrainingArguments.from_flags(**{name: arguments[name] for name in FLAGS})
    load_backend()
    from tf_pegasus.training.train import train

    train(settings)


def build_parser(prog):
    """Builds a parser with a flag for each setting, and the name of a file with settings."""
    # Its import takes a while, which the other commands need not wait for.
    import docstring_parser
    import jsonargparse

    types = {
        name: get_type_hints(SECTIONS[section])[field.name]
        for name, (section, field) in FLAGS.items()
    }

    class Parser(OneLineErrors, jsonargparse.ArgumentParser):
        """Reads the file first, so that flags go before it wherever they stand."""

        def parse_args(self, args=None, *rest, **options):
            args = [_short(value) for value in (sys.argv[1:] if args is None else args)]
            found = super().parse_args(args, *rest, **options)
            file = found.settings or found.config
            if found.settings and found.config:
                self.error("give one file of settings, not FILE and --config")
            if file:
                self.set_defaults(self._values_of(file))
                found = super().parse_args(args, *rest, **options)
            values = {name: found[name] for name in FLAGS}
            if found.print_config:
                print(dump(nested(values)), end="")
                self.exit()
            missing = [n for n, (_, f) in FLAGS.items() if is_required(f) and values[n] is None]
            if missing:
                self.error(f"the following arguments are required: {', '.join(map(flag, missing))}")
            return found

        def _values_of(self, file):
            try:
                sections = load(Path(file))
            except (OSError, ValueError) as error:
                self.error(
                    (getattr(error, "strerror", None) and f"{file}: {error.strerror}") or error
                )
            values = {
                name: sections[section][field.name]
                for name, (section, field) in FLAGS.items()
                if field.name in sections.get(section, {})
            }
            self.parse_object({name: v for name, v in values.items() if v is not None})
            return values

        def error(self, message, *_):
            super().error(_plain(str(message), types))

    parser = Parser(prog=prog, description=DESCRIPTION)
    parser.add_argument(
        "settings",
        nargs="?",
        metavar="FILE",
        help="YAML with values of the flags below by section; flags go before it",
    )
    parser.add_argument("--config", metavar="FILE", help="the same")
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print all settings as YAML, which FILE may be, and exit",
    )
    add_debug(parser)
    groups = {}
    for section, fields in SECTIONS.items():
        groups[section] = parser.add_argument_group(section)
        groups[section].texts = {
            param.arg_name: " ".join(param.description.split())
            for param in docstring_parser.parse(fields.__doc__).params
        }
    for name, (section, field) in FLAGS.items():
        action = groups[section].add_argument(
            flag(name),
            type=types[name] | None if is_required(field) else types[name],
            default=None if is_required(field) else field.default,
            metavar=_METAVARS.get(_values(types[name])[0]),
            help=groups[section].texts[field.name],
        )
        if get_origin(types[name]) is Literal:
            # For completion.
            action.choices = get_args(types[name])
    return parser


def flag(name):
    """Returns the flag of a setting."""
    return "--" + name.replace("_", "-")


def _short(value):
    """Returns the flag of `--section.field`, or what else it is."""
    if value == "--print_config":
        # The usual spelling of programs with jsonargparse.
        return "--print-config"
    found = re.match(r"--([a-z]+)\.(\w+)(.*)", value, re.DOTALL)
    if found:
        for name, (section, field) in FLAGS.items():
            if (section, field.name) == found.groups()[:2]:
                return flag(name) + found[3]
    return value


def _values(hint):
    """Returns the values of a Literal, the types of a union except None, or the type itself."""
    return tuple(value for value in get_args(hint) or (hint,) if value is not type(None))


def _plain(message, types):
    """Rewrites a message of jsonargparse about a flag or the value of one."""
    unknown = re.match(r"[Uu]nrecognized arguments: (--[\w.-]+)", message)
    if unknown:
        near = difflib.get_close_matches(unknown[1], map(flag, types), 1)
        return f"unrecognized arguments: {unknown[1]}" + (
            f": did you mean {near[0]}?" if near else ""
        )
    found = re.match(r'Parser key "(\w+)":.*(?:Got value|Given value): (.*)', message, re.DOTALL)
    if found is None or found[1] not in types:
        return re.sub(r'^Parser key "(\w+)"', lambda key: flag(key[1]), message)
    name, value = found.groups()
    wanted = [_KINDS.get(value, value) for value in _values(types[name])]
    start = "one of " if len(wanted) > 1 else ""
    return f"argument {flag(name)}: {value!r} must be {start}{', '.join(wanted)}"
