"""Options as dataclasses whose fields carry their bounds.

A field is declared with one of the functions below, such as
`num_beams: int = integer(1, least=1)`. Validation, error messages and JSON follow from that.
"""

import copy
import dataclasses
import difflib
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from tf_pegasus.utils.files import read_json_object, write_json_atomically

# How similar a key of a file must be to an option's name to be called a misspelling.
_MISSPELLED = 0.85

# Declaring fields


def integer(
    default: int | None,
    *,
    least: int | None = None,
    most: int | None = None,
    optional: bool = False,
) -> Any:
    """A field that holds an int, `least` and `most` included; None too where `optional`."""
    return _field(default, _check_integer, least=least, most=most, optional=optional)


def number(
    default: float,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Any:
    """A field that holds a finite int or float; `least` and `most` are included, `above` not."""
    return _field(default, _check_number, least=least, above=above, most=most)


def flag(default: bool) -> Any:
    """A field that holds a bool."""
    return _field(default, _check_flag)


def choice(default: Any, choices: tuple) -> Any:
    """A field that holds one of `choices`."""
    return _field(default, _check_choice, choices=choices)


def text(default: str | None, *, optional: bool = False) -> Any:
    """A field that holds a non-empty str; None too where `optional`."""
    return _field(default, _check_text, optional=optional)


def texts(default: tuple | None = None) -> Any:
    """A field that holds a tuple of non-empty str, or None; a list becomes a tuple."""
    return _field(default, _check_texts, optional=True)


def token_ids(default: tuple | None = None) -> Any:
    """A field that holds a tuple of token ids, or None; a list becomes a tuple."""
    return _field(default, _check_token_ids, optional=True)


def token_sequences(default: tuple | None = None) -> Any:
    """A field that holds a tuple of non-empty tuples of token ids, or None."""
    return _field(default, _check_token_sequences, optional=True)


def _field(default, check, optional=False, **bounds):
    return dataclasses.field(
        default=default, metadata={"check": check, "optional": optional, **bounds}
    )


# Checking values: each function returns the value as it is kept.


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
        raise ValueError(f"{name} must hold ids, ints of at least 0, got {value!r}")
    return tuple(value)


def _check_token_sequences(name, value):
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name}={value!r} must be a list of lists")
    words = tuple(_check_token_ids(name, word) for word in value)
    if () in words:
        raise ValueError(f"{name} holds an empty word: it would forbid everything")
    return words


# Names


def with_suggestion(message: str, name: str, known: Iterable[str]) -> str:
    """Appends the known name that is most similar to `name`, if one is similar at all."""
    nearest = difflib.get_close_matches(name, list(known), 1)
    return f"{message}; did you mean {nearest[0]!r}?" if nearest else message


def check_names(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raises unless every name is known.

    Raises:
        TypeError: names the first unknown one, `what` it should have been (such as
            `"generation option"`) and the most similar known name.
    """
    known = set(known)
    unknown = sorted(set(given) - known)
    if unknown:
        raise TypeError(
            with_suggestion(f"unknown {what} {unknown[0]!r}", unknown[0], sorted(known))
        )


class Options:
    """Base of dataclasses whose fields are declared with this module's functions.

    Subclasses may have a field or an attribute `extra`, a dict of further keys that files had,
    and override `_check_together` for what concerns several fields.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    # The file that `save_pretrained` writes.
    file_name: ClassVar[str]
    # Keys that are no fields, and that no misspelling is.
    foreign_keys: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """The fields' names, in their order, without `extra`."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.name != "extra")

    def validate(self) -> None:
        """Checks every field, then what concerns several.

        Raises:
            TypeError: a value has the wrong type; the message names the field.
            ValueError: a value is out of range; the message names field, value and bounds.
        """
        for field in dataclasses.fields(self):
            metadata = dict(field.metadata)
            check: Callable | None = metadata.pop("check", None)
            value = getattr(self, field.name)
            if check is None or (metadata.pop("optional") and value is None):
                continue
            kept = check(field.name, value, **metadata)
            if kept is not value:
                # Not by assignment, which a frozen dataclass refuses.
                object.__setattr__(self, field.name, kept)
        self._check_together()

    def _check_together(self) -> None:
        """Checks what concerns several fields."""

    def to_dict(self) -> dict[str, Any]:
        """Returns all options and the kept further keys, JSON-serializable."""
        options = {name: getattr(self, name) for name in self.option_names()}
        return {**copy.deepcopy(getattr(self, "extra", {})), **options}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **overrides: Any) -> Self:
        """Makes options of a dict such as `to_dict` returns.

        Args:
            values: the options; further keys are kept in `extra`, with a warning where one
                looks like a misspelling.
            **overrides: options that replace those in `values`.

        Raises:
            TypeError: an override is no option, or a value has the wrong type.
            ValueError: a value is out of range.
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
        """Writes the options' JSON file into a directory, made if missing, atomically."""
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_json_atomically(directory / self.file_name, self.to_dict())

    @classmethod
    def from_pretrained(cls, path: str | Path, **overrides: Any) -> Self:
        """Reads the JSON file from a directory, or the file itself.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not JSON, or a value of it has the wrong type or is out of range;
                the message names the file. Or an override is out of range.
            TypeError: an override is no option, or has the wrong type.
        """
        path = Path(path)
        file = path if path.is_file() else path / cls.file_name
        return cls.from_file(file, read_json_object(file), **overrides)

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
