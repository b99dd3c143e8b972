"""From any format to any other, and what there is to know of a directory of weights."""

import math
import shutil
from collections import Counter
from typing import NamedTuple

from tf_pegasus.checkpoints.loading import find_source, read_config
from tf_pegasus.checkpoints.names import EMBEDDINGS, POSITIONS
from tf_pegasus.checkpoints.readers.original import original_config
from tf_pegasus.checkpoints.saving import FILE_DTYPES, MAX_SHARD_SIZE
from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.tokenizers.fast_tokenizer import TOKENIZER_FILE
from tf_pegasus.tokenizers.sentencepiece_tokenizer import VOCAB_FILE
from tf_pegasus.tokenizers.tokenizer_files import (
    ADDED_TOKENS_FILE,
    SPECIAL_TOKENS_FILE,
    TOKENIZER_CONFIG_FILE,
)
from tf_pegasus.utils.files import new_directory_atomically

TOKENIZER_FILES = (
    VOCAB_FILE,
    TOKENIZER_FILE,
    TOKENIZER_CONFIG_FILE,
    SPECIAL_TOKENS_FILE,
    ADDED_TOKENS_FILE,
)


def convert(
    source,
    destination,
    weights_format,
    dtype=None,
    max_shard_size=MAX_SHARD_SIZE,
    revision=None,
    **overrides,
):
    """Writes a model in another format, with its configuration and tokenizer files.

    Args:
        source, revision: see `from_pretrained`'s `path` and `revision`.
        destination: a directory that does not exist yet, or is empty; it appears complete
            or not at all.
        weights_format, max_shard_size: see `save_pretrained`.
        dtype: see `save_pretrained`; by default the source's.
        **overrides: configuration values to replace.

    Raises:
        FileExistsError: `destination` has something in it.
        FileNotFoundError, ValueError, ImportError: see `from_pretrained` and
            `save_pretrained`.
    """
    with new_directory_atomically(destination) as temporary:
        found = find_source(source, revision=revision)
        model = TFPegasusForConditionalGeneration.from_pretrained(
            found.prefix or found.directory, **overrides
        )
        dtype = dtype or _common_dtype(found.open())
        model.save_pretrained(temporary, dtype, weights_format, max_shard_size)
        for name in TOKENIZER_FILES:
            if (found.directory / name).is_file():
                shutil.copy(found.directory / name, temporary / name)


def _common_dtype(file):
    """The dtype of a file's weights, where all have the same."""
    dtypes = {info.dtype for name, info in file.tensors.items() if name not in POSITIONS}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= set(FILE_DTYPES) else None


class CheckpointInfo(NamedTuple):
    """What `describe` found.

    Fields:
        kind: str, the weights' format.
        files: dict from file name to bytes.
        dtypes: dict from dtype name to number of parameters.
        parameters: dict from part (`embedding`, `encoder`, `decoder`, `head`, `total`) to
            number of parameters; position tables, which are constants, do not count.
        config: `PegasusConfig`.
    """

    kind: str
    files: dict
    dtypes: dict
    parameters: dict
    config: object


def describe(path, **overrides):
    """Looks at a directory of weights without reading them; see `CheckpointInfo`.

    Raises:
        FileNotFoundError, ValueError: see `from_pretrained`.
    """
    source = find_source(path)
    file = source.open()
    config = read_config(source, overrides=overrides) or original_config(file, **overrides)
    parameters, dtypes = Counter(), Counter()
    counted_embedding = False
    for name, info in file.tensors.items():
        if name in POSITIONS:
            continue
        part = name.split(".")[1] if name.startswith("model.") else "head"
        if name in EMBEDDINGS:
            # One embedding, though files may hold it several times.
            if counted_embedding:
                continue
            part, counted_embedding = "embedding", True
        count = math.prod(info.shape)
        parameters[part] += count
        dtypes[info.dtype] += count
    parameters["total"] = sum(parameters.values())
    files = {path.name: path.stat().st_size for path in file.paths}
    return CheckpointInfo(file.kind, files, dict(dtypes), dict(parameters), config)
