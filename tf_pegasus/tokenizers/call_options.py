"""The options of a tokenizer's call, checked and brought to one form."""

import functools
from collections.abc import Hashable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Protocol, Self

from tf_pegasus.tokenizers.options import SIDES, UNLIMITED

# What is accepted, and its one form.
_PADDINGS: dict[Any, Any] = {
    True: "longest",
    False: False,
    "longest": "longest",
    "max_length": "max_length",
    "do_not_pad": False,
}
_TRUNCATIONS: dict[Any, Any] = {
    True: "longest_first",
    False: False,
    None: False,
    "longest_first": "longest_first",
    "only_first": "only_first",
    "only_second": "only_second",
    "do_not_truncate": False,
}
_TENSORS = (None, "np", "tf")
_FOREIGN = {"pt": "torch.from_numpy", "jax": "jax.numpy.asarray", "mlx": "mlx.core.array"}


class CallDefaults(Protocol):
    """What a call takes from its tokenizer if it is not given."""

    model_max_length: int | None
    padding_side: str
    truncation_side: str


@dataclass(frozen=True)
class CallOptions:
    """Options of a call; `PegasusTokenizerBase.__call__` describes them.

    `resolved` gives them in one form: `padding` is False, `"longest"` or `"max_length"`;
    `truncation` is False, `"longest_first"`, `"only_first"` or `"only_second"`; `max_length` and
    the sides have the tokenizer's defaults.
    """

    add_special_tokens: bool = True
    padding: bool | str = False
    truncation: bool | str | None = None
    max_length: int | None = None
    stride: int = 0
    is_split_into_words: bool = False
    pad_to_multiple_of: int | None = None
    padding_side: str | None = None
    truncation_side: str | None = None
    return_tensors: str | None = None
    return_token_type_ids: bool = False
    return_attention_mask: bool = True
    return_overflowing_tokens: bool = False
    return_special_tokens_mask: bool = False
    return_offsets_mapping: bool = False
    return_length: bool = False
    verbose: bool = True

    def resolved(self, defaults: CallDefaults) -> Self:
        """Returns the options in one form.

        Raises:
            ValueError: if a value is invalid, or two exclude each other.
        """
        self._check_values()
        return _resolved(
            self,
            defaults.model_max_length,
            _side("padding_side", self.padding_side, defaults.padding_side),
            _side("truncation_side", self.truncation_side, defaults.truncation_side),
        )

    def _check_values(self):
        _check_choice("padding", self.padding, _PADDINGS)
        _check_choice("truncation", self.truncation, _TRUNCATIONS)
        for name, least in (("max_length", 1), ("stride", 0), ("pad_to_multiple_of", 1)):
            value = getattr(self, name)
            if value is None and name != "stride":
                continue
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name}={value!r} must be an int of at least {least}")
        check_tensors(self.return_tensors)

    def _check_together(self):
        multiple, length = self.pad_to_multiple_of, self.max_length
        if self.padding and self.truncation and multiple and length and length % multiple:
            raise ValueError(
                f"max_length={length} must be a multiple of pad_to_multiple_of={multiple}: rows "
                f"truncated to {length} would be padded beyond it"
            )
        if self.stride and not self.return_overflowing_tokens:
            raise ValueError(
                f"stride={self.stride} has an effect only with return_overflowing_tokens=True"
            )


# Most calls have the options of the one before.
@functools.lru_cache(64)
def _resolved(call, model_max_length, padding_side, truncation_side):
    padding = _PADDINGS[call.padding]
    truncation = _TRUNCATIONS[call.truncation]
    if call.truncation is None and call.max_length is not None and not padding:
        truncation = "longest_first"
    length = call.max_length
    if length is None and model_max_length is not None and model_max_length <= UNLIMITED:
        length = model_max_length
    if (truncation or padding == "max_length") and length is None:
        raise ValueError("max_length must be given: this tokenizer has no model_max_length")
    resolved = replace(
        call,
        padding=padding,
        truncation=truncation,
        max_length=length,
        padding_side=padding_side,
        truncation_side=truncation_side,
        return_attention_mask=call.return_attention_mask is not False,
    )
    resolved._check_together()
    return resolved


def check_tensors(return_tensors: Any) -> None:
    """Raises ValueError unless `return_tensors` is supported."""
    if return_tensors in _TENSORS:
        return
    message = f"return_tensors={return_tensors!r} must be None, 'np' or 'tf'"
    if isinstance(return_tensors, str) and return_tensors in _FOREIGN:
        convert = _FOREIGN[return_tensors]
        message += f"; convert the arrays of return_tensors='np' by {convert}"
    raise ValueError(message)


def _check_choice(name, value, allowed):
    # 0 and 1 are equal to bools, and lists cannot be looked up.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number or not isinstance(value, Hashable) or value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {tuple(allowed)}")


def _side(name, value, default):
    side = default if value is None else value
    if side not in SIDES:
        raise ValueError(f"{name}={side!r} must be one of {SIDES}")
    return str(side)
