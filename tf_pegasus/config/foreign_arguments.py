"""Arguments of `transformers`' methods that ask for something that is not done here.

A value that asks for nothing, such as `push_to_hub=False`, is accepted; for any other value, an
error says what to use instead.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tf_pegasus.config.base import check_names


class Foreign(NamedTuple):
    """An argument of `transformers`.

    Fields:
        accepted: the values that ask for nothing else than what is done here: None or a bool.
        instead: what to use for other values.
    """

    accepted: tuple[bool | None, ...]
    instead: str


_UPLOAD = "upload the directory with huggingface_hub.upload_folder"
_EXPORT = "use export_saved_model()"
_PARTS = "files are written whole, by one process"

# Arguments of all `save_pretrained`.
SAVING = {
    "push_to_hub": Foreign((None, False), _UPLOAD),
    "repo_id": Foreign((None,), _UPLOAD),
    "commit_message": Foreign((None,), _UPLOAD),
    "create_pr": Foreign((None, False), _UPLOAD),
    "token": Foreign((None,), _UPLOAD),
}
SAVING_MODELS = SAVING | {
    "safe_serialization": Foreign(
        (None, True),
        "use weights_format='h5' for TensorFlow's file, or weights_format='bin' for PyTorch's",
    ),
    "saved_model": Foreign((None, False), f"{_EXPORT} or model.export()"),
    "signatures": Foreign((None,), _EXPORT),
    "version": Foreign((None,), f"{_EXPORT}, which numbers versions"),
    "state_dict": Foreign(
        (None,),
        "the model's own weights are written; load others by from_pretrained(state_dict=…)",
    ),
    "is_main_process": Foreign((None, True), "call save_pretrained in the main process only"),
    "save_function": Foreign((None,), _PARTS),
    "save_peft_format": Foreign((None, True), "use save_adapters()"),
    "variant": Foreign((None,), "rename the file"),
}
SAVING_TOKENIZERS = SAVING | {
    "legacy_format": Foreign((None, True), "PegasusTokenizerFast writes tokenizer.json"),
    "filename_prefix": Foreign(
        (None,), "rename the files; from_pretrained finds only files without a prefix"
    ),
}
SAVING_FAST_TOKENIZERS = SAVING_TOKENIZERS | {
    "legacy_format": Foreign(
        (None,), "the files of both formats are written; delete those that are not needed"
    ),
}

_QUANTIZE = "call model.quantize('int8') after loading"
# Arguments of models' `from_pretrained`.
LOADING_MODELS = {
    "load_in_8bit": Foreign((None, False), _QUANTIZE),
    "load_in_4bit": Foreign((None, False), f"there are no 4-bit weights; {_QUANTIZE}"),
    "quantization_config": Foreign((None,), _QUANTIZE),
    "variant": Foreign((None,), "rename the file; or give subfolder or revision"),
    "use_auth_token": Foreign((None,), "use token"),
    "adapter_kwargs": Foreign((None,), "use load_adapters()"),
    "adapter_name": Foreign((None,), "use load_adapters()"),
    "gguf_file": Foreign((None,), "the format is not read"),
    "key_mapping": Foreign((None,), "use state_dict with renamed keys"),
}


def without_foreign(arguments: Mapping[str, Any], foreign: Mapping[str, Foreign]) -> dict[str, Any]:
    """Returns the arguments that are not in a table.

    Raises:
        ValueError: if one of the others has a value that is not accepted; the message says what
            to use instead.
    """
    for name, value in arguments.items():
        # By identity, because arrays are not compared to one bool.
        if name in foreign and not any(value is one for one in foreign[name].accepted):
            shown = repr(value)
            shown = shown if len(shown) < 60 else f"{shown[:57]}..."
            raise ValueError(f"{name}={shown} is not supported: {foreign[name].instead}")
    return {name: value for name, value in arguments.items() if name not in foreign}


def check_foreign(
    arguments: Mapping[str, Any],
    foreign: Mapping[str, Foreign],
    method: str,
    own: Iterable[str] = ("save_directory",),
) -> None:
    """Checks that all arguments are in a table, with values that are accepted.

    Args:
        arguments: dict from name to value.
        foreign: the table.
        method: name of the method, for messages.
        own: names of the method's own arguments, to be suggested.

    Raises:
        ValueError: see `without_foreign`.
        TypeError: if a name is in no table; the message names it and the nearest known one.
    """
    rest = without_foreign(arguments, foreign)
    if rest:
        check_names(rest, (*own, *foreign), f"argument of {method}")
