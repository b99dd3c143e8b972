import pytest
from helpers.weights import assert_same_weights

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
)
from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError


@pytest.mark.parametrize(
    "content",
    [
        b"\x81\xa1a\x2a",
        b"\x81\x2a\x2a",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1a" * 100_000,
        b"\x80more",
        b"\x81\xa1a\xc7\x02\x01\x93\x90",
        b"\x93\x01\x02\x03",
        b"",
    ],
)
def test_invalid_msgpack_files(tmp_path, content):
    (tmp_path / "flax_model.msgpack").write_bytes(content)
    with pytest.raises(DamagedFileError, match="damaged or not a msgpack file"):
        find_source(tmp_path).open()


def test_msgpack_arrays_in_chunks(tmp_path, monkeypatch, model):
    monkeypatch.setattr("tf_pegasus.checkpoints.readers.flax_file._CHUNK_BYTES", 100)
    model.save_pretrained(tmp_path, weights_format="msgpack")
    assert_same_weights(model, TFPegasusForConditionalGeneration.from_pretrained(tmp_path))
