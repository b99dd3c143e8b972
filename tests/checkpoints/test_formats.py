import re
import subprocess
import sys
from pathlib import PurePath

import pytest
from helpers.weights import assert_same_weights

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.checkpoints.formats import (
    FILE_DTYPES,
    FORMATS,
    WEIGHTS_FORMATS,
    byte_size,
    find_weights,
)
from tf_pegasus.checkpoints.loading import find_source


def test_shard_sizes():
    assert [byte_size(s) for s in (7, "7B", "2KB", "3 MiB", "5gb")] == [
        7,
        7,
        2000,
        3 * 2**20,
        5 * 10**9,
    ]
    for wrong in (0, -1, True, "much", "GB", "0MB", None, 1.5):
        with pytest.raises(ValueError, match="max_shard_size="):
            byte_size(wrong)


def test_formats_are_looked_for_in_order(model, tmp_path):
    for form in reversed(WEIGHTS_FORMATS):
        model.save_pretrained(tmp_path, weights_format=form)
        assert find_source(tmp_path).open().kind == form


def test_registry_imports_nothing_slow():
    code = (
        "import sys, types; sys.modules.update(tensorflow=None, keras=None, numpy=None);"
        "package = types.ModuleType('tf_pegasus');"
        "package.__path__ = ['tf_pegasus']; sys.modules['tf_pegasus'] = package;"
        "from tf_pegasus.checkpoints.formats import FILE_DTYPES, WEIGHTS_FORMATS;"
        "print(*WEIGHTS_FORMATS, *FILE_DTYPES)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [*WEIGHTS_FORMATS, *FILE_DTYPES]


@pytest.mark.filterwarnings("ignore:the authors' code")
@pytest.mark.parametrize("form", WEIGHTS_FORMATS)
def test_format_describes_the_written_files(model, form, tmp_path):
    entry = FORMATS[form]
    assert entry.find(tmp_path) is None
    model.save_pretrained(tmp_path, weights_format=form, max_shard_size="4KB")
    written = {path.name for path in tmp_path.iterdir()} - {"config.json", "generation_config.json"}
    assert written
    assert all(re.fullmatch(entry.files, name) for name in written)
    assert any(name.endswith(".index.json") for name in written) == entry.shardable
    fetched = {n for n in written if any(PurePath(n).match(p) for p in (*entry.fetched, "*.json"))}
    assert fetched == written
    found = entry.open(entry.find(tmp_path))
    assert found.kind == form
    assert any("embed_positions" in name for name in found.tensors) == entry.has_positions
    # Reading returns what was written, also from shards.
    load = TFPegasusForConditionalGeneration.from_pretrained
    assert_same_weights(model, load(tmp_path))
    # A second, smaller save leaves none of the earlier shards.
    model.save_pretrained(tmp_path, weights_format=form)
    assert entry.find(tmp_path).name == entry.file


def test_no_weights(tmp_path):
    names = r"model\.safetensors, pytorch_model\.bin, tf_model\.h5, .*, model\.ckpt-\*"
    with pytest.raises(FileNotFoundError, match=f"none of {names}"):
        find_weights(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none of model\.safetensors$"):
        find_weights(tmp_path, ["safetensors"])
