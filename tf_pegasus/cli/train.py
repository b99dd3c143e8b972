"""`tf-pegasus train`."""

import difflib
import re
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from tf_pegasus.cli.parser import OneLineErrors, add_debug
from tf_pegasus.training.config import TrainingArguments, is_required, nested
from tf_pegasus.training.config_file import dump, load

DESCRIPTION = "Train or fine-tune a model; repeat the command to resume."
_METAVARS = {str: "PATH", int: "N", float: "X"}
_KINDS = {str: "text", int: "an int", float: "a number", bool: "true or false"}


def run(arguments):
    from tf_pegasus.utils.backend import load_backend

    settings = settings_of(arguments, TrainingArguments)
    load_backend()
    from tf_pegasus.training.train import train

    train(settings)


def build_parser(prog):
    return settings_parser(prog, DESCRIPTION, TrainingArguments)


def settings_of(arguments, kind):
    """Returns the settings of parsed arguments, of the kind of their parser."""
    return kind.from_flags(**{name: arguments[name] for name in kind.flags()})


def settings_parser(prog, description, kind):
    """Builds a parser with a flag for each setting, and the name of a file with settings.

    Args:
        prog, description: str, name and description of the parser.
        kind: `TrainingArguments`, or a subclass.
    """
    # Its import takes a while, which the other commands need not wait for.
    import docstring_parser
    import jsonargparse

    flags = kind.flags()
    types = {
        name: get_type_hints(kind.sections[section])[field.name]
        for name, (section, field) in flags.items()
    }

    class Parser(OneLineErrors, jsonargparse.ArgumentParser):
        """Reads the file first, so that flags go before it wherever they stand."""

        def parse_args(self, args=None, *rest, **options):
            args = [_short(value, flags) for value in (sys.argv[1:] if args is None else args)]
            found = super().parse_args(args, *rest, **options)
            file = found.settings or found.config
            if found.settings and found.config:
                self.error("give one file of settings, not FILE and --config")
            if file:
                self.set_defaults(self._values_of(file))
                found = super().parse_args(args, *rest, **options)
            values = {name: found[name] for name in flags}
            if found.print_config:
                print(dump(nested(values, kind)), end="")
                self.exit()
            missing = [n for n, (_, f) in flags.items() if is_required(f) and values[n] is None]
            if missing:
                self.error(f"the following arguments are required: {', '.join(map(flag, missing))}")
            return found

        def _values_of(self, file):
            try:
                sections = load(Path(file), kind)
            except (OSError, ValueError) as error:
                self.error(
                    (getattr(error, "strerror", None) and f"{file}: {error.strerror}") or error
                )
            values = {
                name: sections[section][field.name]
                for name, (section, field) in flags.items()
                if field.name in sections.get(section, {})
            }
            self.parse_object({name: v for name, v in values.items() if v is not None})
            return values

        def error(self, message, *_):
            super().error(_plain(str(message), types))

    parser = Parser(prog=prog, description=description)
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
    for section, fields in kind.sections.items():
        groups[section] = parser.add_argument_group(section)
        groups[section].texts = {
            name: " ".join(param.description.split()).replace("`", "")
            for param in docstring_parser.parse(fields.__doc__).params
            for name in param.arg_name.split(", ")
        }
    for name, (section, field) in flags.items():
        action = groups[section].add_argument(
            flag(name),
            type=types[name] | None if is_required(field) else types[name],
            default=None if is_required(field) else field.default,
            metavar=_METAVARS.get(_values(types[name])[0]),
            help=groups[section].texts[field.name],
        )
        choices = _choices(types[name])
        if choices:
            # For completion.
            action.choices = choices
    return parser


def flag(name):
    """Returns the flag of a setting."""
    return "--" + name.replace("_", "-")


def _short(value, flags):
    """Returns the flag of `--section.field`, or what else it is."""
    if value == "--print_config":
        # The usual spelling of programs with jsonargparse.
        return "--print-config"
    found = re.match(r"--([a-z]+)\.(\w+)(.*)", value, re.DOTALL)
    if found:
        for name, (section, field) in flags.items():
            if (section, field.name) == found.groups()[:2]:
                return flag(name) + found[3]
    return value


def _values(hint):
    """Returns the values of a Literal, the types of a union except None, or the type itself."""
    found = tuple(value for value in get_args(hint) or (hint,) if value is not type(None))
    return get_args(found[0]) if get_origin(found[0]) is Literal else found


def _choices(hint):
    """Returns the values of a Literal that may be optional, none of other types."""
    literals = [hint, *get_args(hint)]
    return next((get_args(each) for each in literals if get_origin(each) is Literal), ())


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
