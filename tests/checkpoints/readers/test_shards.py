import json

import pytest

from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", ".."])
def test_index_with_paths_outside_its_directory_is_refused(model, tmp_path, name):
    index = {"weight_map": {"model.shared.weight": name}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(DamagedFileError, match="shards must be beside their index"):
        find_source(tmp_path).open()


def test_invalid_indices(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    for content in ("{}", '{"weight_map": []}', '{"weight_map": {}}'):
        index.write_text(content)
        with pytest.raises(ValueError, match="no weight_map"):
            find_source(tmp_path).open()
    index.write_text("[1]")
    with pytest.raises(ValueError, match="must hold a JSON object"):
        find_source(tmp_path).open()
    index.write_text('{"weight_map": {"a": "missing.safetensors"}}')
    with pytest.raises(FileNotFoundError, match=r"'missing\.safetensors', which is missing"):
        find_source(tmp_path).open()
