import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError


class _Executes:
    """An object whose pickle runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def write_bin(path, pickled):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)


def open_bin(directory, pickled):
    write_bin(directory / "pytorch_model.bin", pickled)
    return find_source(directory).open()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickle_that_runs_a_command_is_refused(tmp_path, protocol, legacy):
    mark = tmp_path / "executed"
    pickled = pickle.dumps({"weight": _Executes(f"touch {mark}")}, protocol)
    if legacy:
        (tmp_path / "pytorch_model.bin").write_bytes(pickled)
        context = pytest.raises(DamagedFileError, match=r"refuses the pickle symbol posix\.system")
    else:
        context = pytest.raises(DamagedFileError, match=r"refuses the pickle symbol posix\.system")
    with context:
        open_bin(tmp_path, pickled) if not legacy else find_source(tmp_path).open()
    assert not mark.exists()


def _global(module, name):
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("os", "system"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch.storage", "_load_from_bytes"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "defaultdict"),
        ("numpy", "load"),
        ("torch", "FloatStorage.__class__"),
        ("_codecs", "encode"),
    ],
)
def test_symbols_that_do_not_rebuild_tensors_are_refused(tmp_path, module, name):
    with pytest.raises(DamagedFileError, match=rf"refuses the pickle symbol {module}\.{name}"):
        open_bin(tmp_path, b"\x80\x02" + _global(module, name) + b"(tR.")


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02)\x81.", "refuses the pickle instruction NEWOBJ"),
        (b"\x80\x02(c__main__\nX\no.", "refuses the pickle symbol __main__.X"),
        (b"(i__main__\nX\n.", "refuses the pickle instruction INST"),
        (b"\x80\x02}2.", "refuses the pickle instruction DUP"),
        (b"\x80\x02\x82\x01.", "refuses the pickle instruction EXT1"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.", "its pickle is invalid"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "its pickle is invalid"),
        (b"\x80\x02}q\x01.", "contains no state dict"),
        (b"", "its pickle is invalid"),
        (b"\x80\x02}", "its pickle is invalid"),
    ],
)
def test_pickles_that_are_not_state_dicts(tmp_path, pickled, message):
    with pytest.raises(DamagedFileError, match=message):
        open_bin(tmp_path, pickled)


def test_tuples_that_take_forever_to_hash_or_print(tmp_path):
    # ((((), ()), ((), ())), …): 2^60 leaves, of 60 objects.
    nested = b")" + b"".join(b"q%c0h%c\x86" % (1, 1) for _ in range(0))
    nested = b")q\x01" + b"".join(b"h\x01h\x01\x86q\x01" for _ in range(60))
    for use in (
        b"}" + nested + b"K\x01s.",
        nested + b".",
        nested + b"Q.",
        nested + nested + b"\x93.",
    ):
        with pytest.raises(DamagedFileError):
            open_bin(tmp_path, b"\x80\x04" + use)


def _tensor_pickle(shape, strides, offset=0, size=4, key=b"0"):
    def integers(values):
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", value) for value in values) + b"t"

    storage = b"(X\x07\x00\x00\x00storage" + _global("torch", "FloatStorage")
    storage += b"X\x01\x00\x00\x00" + key + b"X\x03\x00\x00\x00cpu"
    storage += b"\x8a\x08" + struct.pack("<q", size) + b"tQ"
    arguments = storage + b"\x8a\x08" + struct.pack("<q", offset)
    arguments += integers(shape) + integers(strides) + b"\x89" + b"}"
    tensor = _global("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"
    return b"\x80\x02}X\x01\x00\x00\x00w" + tensor + b"s."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": [10**12], "strides": [0]}, "larger than its storage"),
        ({"shape": [5], "strides": [1]}, "larger than its storage"),
        ({"shape": [2], "strides": [10]}, "larger than its storage"),
        ({"shape": [4], "strides": [1], "offset": 1}, "larger than its storage"),
        ({"shape": [-4], "strides": [1]}, "is not a count"),
        ({"shape": [4], "strides": [-1]}, "is not a count"),
        ({"shape": [4], "strides": []}, "strides"),
        ({"shape": [1] * 9, "strides": [1] * 9}, "strides"),
        ({"shape": [4], "strides": [1], "size": -1}, "is not a count"),
        ({"shape": [4], "strides": [1], "size": 2**60}, "instead of"),
        ({"shape": [4], "strides": [1], "key": b"/"}, "There is no item|no item named"),
    ],
)
def test_tensors_that_reach_outside_their_storage(tmp_path, options, message):
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", _tensor_pickle(**options))
        archive.writestr("archive/data/0", np.zeros(4, "float32").tobytes())
    with pytest.raises(DamagedFileError, match=message):
        find_source(tmp_path).open().read("w")


def test_strided_tensor_is_read_correctly(tmp_path):
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", _tensor_pickle([2, 2], [1, 2]))
        archive.writestr("archive/data/0", np.arange(4, dtype="float32").tobytes())
    np.testing.assert_array_equal(find_source(tmp_path).open().read("w"), [[0, 2], [1, 3]])


def test_archive_with_compressed_data_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}." + bytes(10**7))
    with pytest.raises(DamagedFileError, match="is compressed"):
        find_source(tmp_path).open()
