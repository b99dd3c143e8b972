"""Options as dataclasses whose fields declare their bounds.

A field is declared with one of the functions below, such as
`num_beams: int = integer(1, least=1)`. Validation, error messages and JSON are derived from it.
"""

import copy
import dataclasses
import difflib
import json
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from tf_pegasus.utils.files import read_json_object, write_json_atomically
from tf_pegasus.utils.hub import HubOptions, local_directory

# Minimum similarity to an option's name at which a key of a file counts as a misspelling.
_MISSPELLED = 0.85

# A file of options has a few kilobytes. Keys that are no options are kept, and copied.
MOST_BYTES = 2 * 2**20

# Declaring fields


def integer(
    default: int | None,
    *,
    least: int | None = None,
    most: int | None = None,
    optional: bool = False,
) -> Any:
    """Declares an int field with inclusive bounds; it may be None if `optional`."""
    return _field(default, _check_integer, least=least, most=most, optional=optional)


def number(
    default: float | None,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    optional: bool = False,
) -> Any:
    """Declares a finite float field; `least` and `most` are inclusive bounds, `above` is not.

    It may be None if `optional`.
    """
    return _field(default, _check_number, least=least, above=above, most=most, optional=optional)


def flag(default: bool) -> Any:
    """Declares a bool field."""
    return _field(default, _check_flag)


def choice(default: Any, choices: tuple, *, optional: bool = False) -> Any:
    """Declares a field with one of `choices` as value; it may be None if `optional`."""
    return _field(default, _check_choice, choices=choices, optional=optional)


def text(default: str | None, *, optional: bool = False) -> Any:
    """Declares a field for a non-empty str; it may be None if `optional`."""
    return _field(default, _check_text, optional=optional)


def texts(default: tuple | None = None) -> Any:
    """Declares a field for a tuple of non-empty str or None; a list becomes a tuple."""
    return _field(default, _check_texts, optional=True)


def token_ids(default: tuple | None = None) -> Any:
    """Declares a field for a tuple of token ids or None; a list becomes a tuple."""
    return _field(default, _check_token_ids, optional=True)


def token_id_or_ids(default: int | tuple | None = None, *, optional: bool = True) -> Any:
    """Declares a field for a token id or a non-empty tuple of them; a list becomes a tuple."""
    return _field(default, _check_token_id_or_ids, optional=optional)


def token_sequences(default: tuple | None = None) -> Any:
    """Declares a field for a tuple of non-empty tuples of token ids, or None."""
    return _field(default, _check_token_sequences, optional=True)


def _field(default, check, optional=False, **bounds):
    return dataclasses.field(
        default=default, metadata={"check": check, "optional": optional, **bounds}
    )


# Checks of values: each function returns the value to store.


def _check_integer(name, value, least, most):
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be an int")
    return _check_bounds(name, value, least, None, most)


def _check_number(name, value, least, above, most):
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be a float")
    return _check_bounds(name, value, least, above, most)


def _check_bounds(name, value, least, above, most):
    inside = (
        (isinstance(value, int) or math.isfinite(value))
        and (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
    )
    if inside:
        return value
    if least is not None and most is not None:
        raise ValueError(f"{name}={value!r} must be between {least:g} and {most:g}")
    bounds = [] if least is None else [f"at least {least:g}"]
    bounds += [] if above is None else [f"above {above:g}"]
    bounds += ["finite"] if most is None and not isinstance(value, int) else []
    bounds += [] if most is None else [f"at most {most:g}"]
    raise ValueError(f"{name}={value!r} must be {' and '.join(bounds)}")


def _check_flag(name, value):
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be a bool")
    return value


def _check_choice(name, value, choices):
    if value not in choices:
        shown = (known if isinstance(known, str) else repr(known) for known in choices)
        raise ValueError(f"{name}={value!r} must be one of {', '.join(shown)}")
    return value


def _check_text(name, value):
    if not isinstance(value, str):
        raise TypeError(f"{name}={value!r} must be a str")
    if not value:
        raise ValueError(f"{name}={value!r} must be a non-empty string")
    return value


def _check_texts(name, value):
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
        raise TypeError(f"{name}={value!r} must be a list of str")
    return tuple(_check_text(name, v) for v in value)


def _check_token_ids(name, value):
    if not isinstance(value, (list, tuple)) or any(
        not isinstance(index, int) or isinstance(index, bool) or index < 0 for index in value
    ):
        raise ValueError(f"{name} must contain ids, ints of at least 0, got {value!r}")
    return tuple(value)


def _check_token_id_or_ids(name, value):
    if not isinstance(value, (list, tuple)):
        return _check_integer(name, value, 0, None)
    if not value:
        raise ValueError(f"{name}={value!r} must be an id or a non-empty list of ids")
    return _check_token_ids(name, value)


def _check_token_sequences(name, value):
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name}={value!r} must be a list of lists")
    words = tuple(_check_token_ids(name, word) for word in value)
    if () in words:
        raise ValueError(f"{name} contains an empty word, which would forbid everything")
    return words


# Names


def with_suggestion(message: str, name: str, known: Iterable[str]) -> str:
    """Appends the known name that is most similar to `name`, if any is similar."""
    nearest = difflib.get_close_matches(name, list(known), 1)
    return f"{message}; did you mean {nearest[0]!r}?" if nearest else message


def check_names(
    given: Iterable[str],
    known: Iterable[str],
    what: str,
    instead: Mapping[str, str] | None = None,
) -> None:
    """Checks that every name is known.

    Args:
        given, known: names.
        what: what a name should be, such as `"generation option"`.
        instead: dict from names of `transformers` that are not here to what to use.

    Raises:
        TypeError: if a name is unknown; the message names the first one, and says what to use
            instead, or the most similar known name.
    """
    known = set(known)
    unknown = sorted(set(given) - known)
    if unknown:
        if instead and unknown[0] in instead:
            raise TypeError(f"unknown {what} {unknown[0]!r}: {instead[unknown[0]]}")
        raise TypeError(
            with_suggestion(f"unknown {what} {unknown[0]!r}", unknown[0], sorted(known))
        )


class Options:
    """Base class of dataclasses whose fields are declared with this module's functions.

    Subclasses may have a field or attribute `extra`, a dict of other keys in files, and may
    override `_check_together` for checks that involve several fields.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    # The name of the file that `save_pretrained` writes.
    file_name: ClassVar[str]
    # Keys that are neither fields nor misspellings of fields.
    foreign_keys: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """Returns the names of the fields in order, without `extra`."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.name != "extra")

    def validate(self) -> None:
        """Checks every field, then the fields together.

        Raises:
            TypeError: if a value has the wrong type; the message names the field.
            ValueError: if a value is out of range; the message names field, value and bounds.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kept = self.checked(field, value)
            if kept is not value:
                # Not by assignment, which frozen dataclasses refuse.
                object.__setattr__(self, field.name, kept)
        self._check_together()

    @staticmethod
    def checked(field: dataclasses.Field, value: Any) -> Any:
        """Returns the value to store in a field.

        Raises:
            TypeError, ValueError: see `validate`.
        """
        metadata = dict(field.metadata)
        check: Callable | None = metadata.pop("check", None)
        if check is None or (metadata.pop("optional") and value is None):
            return value
        return check(field.name, value, **metadata)

    def _check_together(self) -> None:
        """Checks constraints that involve several fields."""

    def to_dict(self) -> dict[str, Any]:
        """Returns all options and the other keys, JSON-serializable."""
        options = {name: getattr(self, name) for name in self.option_names()}
        return {**copy.deepcopy(getattr(self, "extra", {})), **options}

    def to_diff_dict(self) -> dict[str, Any]:
        """Returns the options that differ from their defaults, and the other keys."""
        fields = {field.name: field for field in dataclasses.fields(self)}
        return {
            name: value
            for name, value in self.to_dict().items()
            if name not in fields or value != fields[name].default
        }

    def to_json_string(self, use_diff: bool = True) -> str:
        """Returns the options as JSON, with sorted keys.

        Args:
            use_diff: bool, whether to leave out options that have their default value.
        """
        values = self.to_diff_dict() if use_diff else self.to_dict()
        return json.dumps(values, indent=2, sort_keys=True) + "\n"

    def to_json_file(self, json_file_path: str | Path, use_diff: bool = True) -> None:
        """Writes `to_json_string` to a file, atomically."""
        write_json_atomically(json_file_path, json.loads(self.to_json_string(use_diff)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **overrides: Any) -> Self:
        """Creates options from a dict such as `to_dict` returns.

        Args:
            values: dict of options; other keys are kept in `extra`, with a warning if one looks
                like a misspelling.
            **overrides: options that override those in `values`.

        Raises:
            TypeError: if an override is not an option, or a value has the wrong type.
            ValueError: if a value is out of range.
        """
        check_names(overrides, cls.option_names(), cls.__name__ + " option")
        merged = {**values, **overrides}
        known = {name: merged.pop(name) for name in cls.option_names() if name in merged}
        cls._warn_of_misspellings(merged)
        make: Callable[..., Self] = cls
        return make(**known, extra=merged)

    @classmethod
    def _warn_of_misspellings(cls, unknown):
        for key in sorted(set(map(str, unknown)) - set(cls.foreign_keys)):
            nearest = difflib.get_close_matches(key, cls.option_names(), 1, _MISSPELLED)
            if nearest:
                warnings.warn(
                    f"{cls.__name__}: the key {key!r} has no effect; did you mean {nearest[0]!r}?",
                    stacklevel=3,
                )
                return

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Writes the options as a JSON file into a directory, created if missing, atomically."""
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_json_atomically(directory / self.file_name, self.to_dict())

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **overrides: Any) -> Self:
        """Reads the JSON file of a directory or of a repository of the hub, or the given file.

        Args:
            pretrained_model_name_or_path: path of a directory or file, or the name of a
                repository.
            **overrides: options that override those in the file, and those of
                `tf_pegasus.utils.hub.HubOptions`, such as `revision` and `subfolder`.

        Raises:
            FileNotFoundError: if the file or the repository does not exist.
            ValueError: if it is not JSON, or one of its values has the wrong type or is out of
                range; the message names the file. Or if an override is out of range.
            TypeError: if an override is not an option, or has the wrong type.
            ImportError: if the hub is needed, and its library is not installed.
        """
        hub, overrides = HubOptions.split(overrides)
        file = Path(pretrained_model_name_or_path)
        if not file.is_file():
            directory = local_directory(pretrained_model_name_or_path, [cls.file_name], options=hub)
            file = directory / cls.file_name
        return cls.from_file(file, read_json_object(file, MOST_BYTES), **overrides)

    @classmethod
    def from_file(cls, file: str | Path, values: Mapping[str, Any], **overrides: Any) -> Self:
        """`from_dict`, of values that were read from `file`.

        Raises:
            ValueError: the file is at fault, and named; or an override is out of range.
            TypeError: an override is no option, or has the wrong type.
        """
        try:
            return cls.from_dict(values, **overrides)
        except (TypeError, ValueError, RecursionError) as error:
            if overrides and cls._is_accepted(values):
                raise
            why = "nested too deep" if isinstance(error, RecursionError) else error
            raise ValueError(f"{str(file)!r}: {why}") from error

    @classmethod
    def _is_accepted(cls, values):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                cls.from_dict(values)
            except (TypeError, ValueError, RecursionError):
                return False
        return True
