"""Small files that once took gigabytes or minutes."""

import json
import re
import time
import tracemalloc
import zipfile

import hostile_archives
import pytest

from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError


def refused(directory, message):
    """Opens a directory whose file must be refused, quickly, and by name."""
    tracemalloc.start()
    start = time.monotonic()
    try:
        with pytest.raises(DamagedFileError, match=message) as raised:
            find_source(directory).open()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Tracing makes it several times slower.
    assert time.monotonic() - start < 30
    assert peak < 300 * 10**6
    assert re.escape(str(directory)) in re.escape(str(raised.value))


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (hostile_archives.copies_of_a_list(5000, 5000), "instructions, no state dict's has"),
        (hostile_archives.many_instructions(4 * 10**6), "instructions, no state dict's has"),
        (hostile_archives.wide_shapes(20_000, 5000), "20000 dimensions"),
        (hostile_archives.equal_hashes(20_000), "a key of 6[0-9] bits"),
        (hostile_archives.huge_integers(10**6), "a text or number of 1000000 bytes"),
        (hostile_archives.huge_integers(60_000), "a number of 479999 bits is not a count"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_does_more_than_a_state_dict(tmp_path, pickled, message, legacy):
    path = tmp_path / "pytorch_model.bin"
    if legacy:
        path.write_bytes(pickled)
    else:
        hostile_archives.write_zip(path, pickled)
    refused(tmp_path, message)


def test_an_archive_that_inflates(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    hostile_archives.write_zip(path, b"\x80\x02}.", bytes(10**9), zipfile.ZIP_DEFLATED)
    refused(tmp_path, "byteorder is compressed")


def test_an_archive_of_very_many_files(tmp_path):
    hostile_archives.write_zip(tmp_path / "pytorch_model.bin", b"\x80\x02}.", names=70_000)
    refused(tmp_path, "list of files has .* bytes")


def test_groups_that_are_reached_in_very_many_ways(tmp_path):
    hostile_archives.linked_groups(tmp_path / "tf_model.h5", depth=14, width=20)
    refused(tmp_path, "is linked twice")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xdf\x00\x04\x00\x00" + b"".join(b"\xa6%06d\x80" % n for n in range(2**18)), "names"),
        (b"\x81\xa1a" + b"\xdd\x00\x10\x00\x00" * 500 + bytes(2**20), "a is no array"),
        (b"\x81\xa1a\xc7\x0f\x01\x93\x91\xc3\xa7float32\xc4\x00\x00\x00", "a has an impossible"),
        (b"\x81\xa1a\xc7\x0f\x01\x93\x91\xff\xa7float32\xc4\x00\x00\x00", "a has an impossible"),
        (b"\x81\xdb\x00\x10\x00\x00" + b"a" * 2**20, "a name of 1048576 bytes"),
    ],
)
def test_msgpack_files_that_are_larger_in_memory(tmp_path, content, message):
    (tmp_path / "flax_model.msgpack").write_bytes(content)
    refused(tmp_path, message)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([0, 2**62], r"model\.w has the shape \(0, 4611686018427387904\)|damaged"),
        ([1] * 65, r"model\.w has 65 dimensions"),
        ([True], "damaged"),
        ([-1], "damaged"),
    ],
)
def test_impossible_shapes_in_safetensors_files(tmp_path, shape, message):
    size = 0 if 0 in shape else 4
    header = {"model.w": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}
    path = tmp_path / "model.safetensors"
    hostile_archives.write_safetensors_header(path, header, bytes(size))
    refused(tmp_path, message)


def test_a_header_of_very_many_tensors(tmp_path):
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    path = tmp_path / "model.safetensors"
    hostile_archives.write_safetensors_header(path, {f"w{n}": empty for n in range(33_000)})
    refused(tmp_path, "more than 32768 tensors")
    hostile_archives.write_safetensors_header(path, {f"w{n}": empty for n in range(99_000)})
    refused(tmp_path, "its header has .* bytes")


def test_json_files_that_are_nested_or_long(model, tmp_path):
    from tf_pegasus import TFPegasusForConditionalGeneration

    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    good = json.loads(path.read_text())
    for text, message in (
        ("[" * 10**5 + "]" * 10**5, "nested too deep"),
        (json.dumps(good)[:-1] + ', "x": ' + "[" * 800 + "]" * 800 + "}", "nested too deep"),
        ('{"a": [' + "[]," * 8 * 10**6 + "[]]}", "at most 2097152 are read"),
        (json.dumps({**good, "d_model": "wide"}), "d_model='wide' must be an int"),
        (json.dumps({**good, "model_type": "bart"}), "model_type='bart'"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"config\.json'.*{message}"):
            TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    path.write_text(json.dumps(good))
    generation = tmp_path / "generation_config.json"
    generation.write_text('{"num_beams": "many"}')
    with pytest.raises(ValueError, match=r"generation_config\.json'.*num_beams='many'"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
