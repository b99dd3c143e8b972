"""Sorts the keywords of `from_pretrained`.

They are options of the hub, arguments of `transformers`, values of the configuration, and options
of generation.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tf_pegasus.checkpoints.formats import WEIGHTS_FORMATS
from tf_pegasus.config.base import check_names
from tf_pegasus.config.foreign_arguments import LOADING_MODELS, without_foreign
from tf_pegasus.config.foreign_keys import REFUSED_KEYS
from tf_pegasus.config.generation import TOKEN_IDS, GenerationConfig
from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.utils.hub import HubOptions

# Keywords of `transformers` that have no effect here, with the reason.
WITHOUT_MEANING = {
    "from_pt": "the name of a file determines its format",
    "from_tf": "the name of a file determines its format",
    "from_flax": "the name of a file determines its format",
    "low_cpu_mem_usage": "weights are always read one at a time, directly into the variables",
    "attn_implementation": "all of PyTorch's implementations compute the same",
    "resume_download": "interrupted downloads are always resumed",
    "device_map": "TensorFlow places variables: use tf.device or a distribution strategy",
    "trust_remote_code": "code of a repository is never run",
}


# Keywords of `from_pretrained` itself.
ARGUMENTS = (
    "dtype",
    "torch_dtype",
    "use_safetensors",
    "ignore_mismatched_sizes",
    "generation_config",
)


class Keywords(NamedTuple):
    """The keywords of `from_pretrained`, sorted by meaning.

    Fields:
        hub: `HubOptions`.
        formats: names of the formats to look for.
        dtype: the given dtype or dtype policy.
        ignore_mismatched_sizes: bool, see `match_weights`.
        config: dict of configuration values to override.
        generation_config: the given generation options, or None.
        generation: dict of generation options to override.
    """

    hub: HubOptions
    formats: tuple[str, ...]
    dtype: Any
    ignore_mismatched_sizes: bool
    config: dict[str, Any]
    generation_config: GenerationConfig | None
    generation: dict[str, Any]


def split_keywords(dtype: Any, keywords: Mapping[str, Any], generates: bool) -> Keywords:
    """Sorts the keywords of `from_pretrained`.

    Args:
        dtype: the argument `dtype` of `from_pretrained`.
        keywords: its other keywords.
        generates: whether the model has generation options.

    Raises:
        TypeError: if a keyword is unknown; the message names it and the nearest known one.
            Or if a value has the wrong type.
        ValueError: if `dtype` and `torch_dtype` are both given and differ, or a keyword of
            `transformers` asks for what is not done here; the message says what to use.
    """
    hub, rest = HubOptions.split(without_foreign(keywords, LOADING_MODELS))
    torch_dtype = rest.pop("torch_dtype", None)
    if dtype is not None and torch_dtype is not None and dtype != torch_dtype:
        raise ValueError(
            f"torch_dtype={torch_dtype!r} contradicts dtype={dtype!r}: they are names of the same "
            "argument, give only one"
        )
    formats = _formats(rest.pop("use_safetensors", None))
    ignore = rest.pop("ignore_mismatched_sizes", False)
    if not isinstance(ignore, bool):
        raise TypeError(f"ignore_mismatched_sizes={ignore!r} must be a bool")
    given = _generation_config(rest.pop("generation_config", None), generates)
    rest = {name: value for name, value in rest.items() if name not in WITHOUT_MEANING}
    fields = {*PegasusConfig.option_names(), *PegasusConfig.attribute_map}
    # Options that are also fields of the configuration belong to the configuration.
    options = set(GenerationConfig.option_names()) - fields if generates else set()
    arguments = {*ARGUMENTS, *HubOptions.names()}
    known = fields | options | arguments
    check_names(rest, known, "keyword of from_pretrained", REFUSED_KEYS)
    generation = {name: value for name, value in rest.items() if name in options}
    config = {name: value for name, value in rest.items() if name in fields}
    if generates:
        # Otherwise those in generation_config.json would be used.
        shared = ("forced_eos_token_id", *TOKEN_IDS)
        generation |= {name: config[name] for name in shared if name in config}
    dtype = torch_dtype if dtype is None else dtype
    return Keywords(hub, formats, dtype, ignore, config, given, generation)


def _formats(use_safetensors):
    if use_safetensors is None:
        return WEIGHTS_FORMATS
    if not isinstance(use_safetensors, bool):
        raise TypeError(f"use_safetensors={use_safetensors!r} must be a bool or None")
    return tuple(n for n in WEIGHTS_FORMATS if (n == "safetensors") == use_safetensors)


def _generation_config(options, generates):
    if options is None or (generates and isinstance(options, GenerationConfig)):
        return options
    if not generates:
        raise TypeError("generation_config is given, but only models with an output generate")
    raise TypeError(f"generation_config must be a GenerationConfig, got {options!r}")


def dtype_policy(dtype: Any, stored: str | None) -> Any:
    """Returns the Keras dtype policy for an argument `dtype`.

    Args:
        dtype: a policy or its name, such as `"mixed_bfloat16"`; a NumPy, TensorFlow or
            PyTorch dtype; `"auto"` for the dtype of the file; None for Keras' global policy.
            Models cannot be loaded as int8: call `model.quantize("int8")` afterwards.
        stored: str, the dtype that all weights of the file have, or None.

    Returns:
        A policy, its name, or None.

    Raises:
        ValueError: if `dtype` is not a floating-point policy.
    """
    if dtype is None or isinstance(dtype, keras.DTypePolicy):
        return dtype
    if isinstance(dtype, str):
        name = stored if dtype == "auto" else dtype
    elif isinstance(getattr(dtype, "name", None), str):
        name = dtype.name
    else:
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = str(dtype)
    if name is None:
        return None
    message = (
        f"dtype={dtype!r} must be 'float32', 'float16', 'bfloat16', 'auto' or a Keras dtype "
        "policy such as 'mixed_bfloat16'"
    )
    try:
        policy = keras.dtype_policies.get(name.removeprefix("torch."))
    except (ValueError, TypeError) as error:
        raise ValueError(message) from error
    if "float" not in policy.compute_dtype or policy.quantization_mode is not None:
        raise ValueError(message)
    return policy
