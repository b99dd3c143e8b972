import shutil
import struct

import hostile_index
import pytest
from helpers.tiny import GOLDENS
from tensorflow.core.protobuf import tensor_bundle_pb2

from tf_pegasus.checkpoints.readers.sstable import masked_crc32c, read_table
from tf_pegasus.checkpoints.readers.tensor_bundle import check_bundle
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError

INDEX = GOLDENS / "tiny-original" / "model.ckpt-1500.index"
NAME = "decoder/layer_0/ffn/dense/kernel"


@pytest.fixture
def prefix(tmp_path):
    shutil.copytree(INDEX.parent, tmp_path / "model")
    return tmp_path / "model" / "model.ckpt-1500"


def write(prefix, content):
    prefix.with_name(f"{prefix.name}.index").write_bytes(content)


def test_a_good_index_is_accepted(prefix):
    check_bundle(prefix)
    entries = read_table(INDEX.read_bytes())
    for size in (64, 1024, 10**6):
        write(prefix, hostile_index.table(entries, size))
        check_bundle(prefix)


def test_the_checksum_is_leveldbs():
    # From LevelDB's crc32c_test.cc: 32 zeros, before it is masked.
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _shape(*sizes):
    def change(entry):
        del entry.shape.dim[:]
        for size in sizes:
            entry.shape.dim.add(size=size)

    return change


def _set(**values):
    def change(entry):
        for name, value in values.items():
            setattr(entry, name, value)

    return change


def _slice(entry):
    extent = entry.slices.add().extent.add()
    extent.start, extent.length = 0, -5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_shape(-1, 28), r"impossible shape: \[-1, 28\]"),
        (_shape(*[1] * 300), "impossible shape: .* 300 dimensions"),
        (_shape(2**62, 2**62), r"has the shape \[.*\] of float32, but 2688 bytes"),
        (_shape(24, 29), r"has the shape \[24, 29\] of float32, but 2688 bytes"),
        (lambda entry: entry.shape.Clear() or _set()(entry), "of float32, but"),
        (_slice, "is partitioned"),
        (_set(offset=-1), "outside its data file"),
        (_set(offset=2**62), "outside its data file"),
        (_set(size=-1), "but -1 bytes"),
        (_set(shard_id=1), "lies in shard 1 of 1"),
        (_set(shard_id=-1), "lies in shard -1 of 1"),
        (_set(dtype=0), "unknown dtype 0|has the dtype"),
        (_set(dtype=1000), "unknown dtype 1000"),
        (_set(dtype=101), "has the dtype float32_ref"),
        (_set(offset=0), "overlap in their data file"),
    ],
)
def test_an_entry_that_would_kill_the_process_is_named(prefix, change, message):
    entries = dict(read_table(INDEX.read_bytes()))
    entry = tensor_bundle_pb2.BundleEntryProto.FromString(entries[NAME.encode()])
    change(entry)
    entries[NAME.encode()] = entry.SerializeToString()
    write(prefix, hostile_index.table(list(entries.items())))
    with pytest.raises(DamagedFileError, match=message) as raised:
        check_bundle(prefix)
    assert NAME in str(raised.value)


def test_what_is_no_table_of_entries(prefix):
    entries = read_table(INDEX.read_bytes())
    good = INDEX.read_bytes()

    def header(**values):
        message = tensor_bundle_pb2.BundleHeaderProto(**values)
        return hostile_index.table([(b"", message.SerializeToString()), *entries[1:]])

    block = hostile_index.block
    for content, message in (
        (b"", "shorter than a table's footer"),
        (good[:-1] + b"x", "magic number"),
        (bytes([good[0] ^ 1]) + good[1:], "another checksum"),
        (good[: len(good) - 48] + b"\xff" * 40 + good[-8:], "more than 64 bits"),
        (hostile_index.table(entries[1:]), "header is missing"),
        (hostile_index.table([entries[0], (b"x", b"\xff"), *entries[1:]], 64), "key|no Bundle"),
        (hostile_index.table([*entries, (b"zz", b"\xff\xff")]), "zz is no BundleEntryProto"),
        (header(num_shards=-1), "num_shards: -1"),
        (header(num_shards=2), "data-00000-of-00002 is missing"),
        (header(num_shards=1, endianness=1), "big-endian"),
        (hostile_index.table(entries, kind=1), "is compressed"),
        (hostile_index.table(entries, handle=(2**40, 8)), "outside the file"),
        (hostile_index.table(entries, first=b"\0"), "cut short"),
        (hostile_index.table(entries, first=struct.pack("<I", 2**31)), "2147483648 restarts"),
        (hostile_index.table(entries, first=block(entries[:16], [1])), "restarts out of order"),
        (hostile_index.table(entries, first=block(entries[:16], [0, 1])), "no entry begins"),
        (hostile_index.table([entries[0], (b"a" * 2000, b"")]), "a key of 0 .* 2000 bytes"),
        (hostile_index.table([entries[0], (b"a", b"a" * 5000)]), "a value of 5000 bytes"),
    ):
        write(prefix, content)
        with pytest.raises(DamagedFileError, match=message):
            check_bundle(prefix)
