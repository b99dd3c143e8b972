"""Which generation options have an effect only together with others."""

from collections.abc import Iterable, Mapping
from typing import Any

# The option that others need, its values that give them no effect, and those others.
_NEEDED = (
    (
        "do_sample",
        (False,),
        ("temperature", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff"),
    ),
    ("num_beams", (1,), ("length_penalty", "length_penalty_type", "early_stopping")),
    (
        "return_dict_in_generate",
        (False,),
        ("output_scores", "output_logits", "output_attentions", "output_hidden_states"),
    ),
)


def without_effect(given: Iterable[str], values: Mapping[str, Any], defaults: Mapping[str, Any]):
    """Yields the options that change nothing, each with the option and value that they lack.

    Args:
        given: names of the options that a call gives.
        values: all options of the call.
        defaults: values of the options that have no effect in any case.
    """
    given = set(given)
    for needed, off, names in _NEEDED:
        if values[needed] in off:
            for name in names:
                if name in given and values[name] not in (None, defaults[name]):
                    yield name, f"{needed}={values[needed]!r}"
