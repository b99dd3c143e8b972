"""Indices of TF1 checkpoints with hostile entries, and right checksums."""

import struct
from pathlib import Path

from tensorflow.core.protobuf import tensor_bundle_pb2

from tf_pegasus.checkpoints.readers.sstable import masked_crc32c, read_table

_MAGIC = 0xDB4775248B80FB57
_NUMBERS = (-1, 0, 1, 2, 2**15, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
_INTERVAL = 16


def varint(value):
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def block(entries, restarts=None, interval=_INTERVAL):
    """The contents of a block."""
    content, before, places = b"", b"", []
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % interval == 0:
            places.append(len(content))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value))
        content += key[shared:] + value
        before = key
    places = (places or [0]) if restarts is None else restarts
    return content + struct.pack(f"<{len(places)}I", *places) + struct.pack("<I", len(places))


def table(entries, size=1024, first=None, kind=0, handle=None):
    """A table; `first`, `kind` and `handle` replace the first block and what is said of it."""
    file, index = b"", []

    def append(content, kind=0):
        nonlocal file
        place = (len(file), len(content))
        file += content + bytes([kind])
        file += struct.pack("<I", masked_crc32c(content + bytes([kind])))
        return place

    for start in range(0, len(entries), max(1, size // 64)):
        part = entries[start : start + max(1, size // 64)]
        is_first = start == 0
        content = block(part) if first is None or not is_first else first
        place = append(content, kind if is_first else 0)
        place = handle if is_first and handle is not None else place
        index.append((part[-1][0], varint(place[0]) + varint(place[1])))
    meta, top = append(block([])), append(block(index, interval=1))
    footer = b"".join(map(varint, (*meta, *top))).ljust(40, b"\0") + struct.pack("<Q", _MAGIC)
    return file + footer


def _hostile_entry(source, value):
    entry = tensor_bundle_pb2.BundleEntryProto.FromString(value)
    kind = source.choice(
        ("dimension", "dimensions", "bytes", "slice", "place", "shard", "dtype", "rank", "empty")
    )
    number = source.choice((*_NUMBERS, source.randrange(100_000)))
    if kind == "dimension":
        if not entry.shape.dim:
            entry.shape.dim.add()
        source.choice(entry.shape.dim).size = number
    elif kind == "dimensions":
        for _ in range(source.choice((1, 7, 20, 255, 300, 1500))):
            entry.shape.dim.add(size=source.choice((0, 1, 1, 1, number)))
    elif kind == "bytes":
        return kind, source.randbytes(source.randrange(64))
    elif kind == "slice":
        for _ in range(source.choice((1, 2, 300))):
            extent = entry.slices.add().extent.add()
            extent.start, extent.length = number, source.choice(_NUMBERS)
    elif kind == "place":
        setattr(entry, source.choice(("offset", "size")), number)
    elif kind == "shard":
        entry.shard_id = source.choice((-1, 1, 2**31 - 1, -(2**31)))
    elif kind == "dtype":
        entry.dtype = source.choice((0, 2, 7, 9, 20, 21, 22, 23, 29, 101, 107, 1000, 2**31 - 1))
    elif kind == "rank":
        entry.shape.unknown_rank = True
    else:
        entry.Clear()
    return kind, entry.SerializeToString()


def _hostile_header(source):
    header = tensor_bundle_pb2.BundleHeaderProto()
    header.num_shards = source.choice((-1, 0, 1, 2, 2**31 - 1))
    header.endianness = source.choice((0, 1))
    header.version.producer = source.choice((-1, 0, 1, 2**31 - 1))
    header.version.min_consumer = source.choice((-1, 0, 2, 2**31 - 1))
    return source.choice((header.SerializeToString(), source.randbytes(9), b""))


def mutate(source, directory):
    """Writes a hostile index over a checkpoint's, and returns what was done."""
    path = next(Path(directory).glob("*.index"))
    entries = read_table(path.read_bytes())
    kind = source.choice(("entry",) * 6 + ("header", "keys", "block", "handle", "restarts", "many"))
    options = {"size": source.choice((64, 1024, 10**6))}
    if kind == "entry":
        for _ in range(source.choice((1, 1, 3))):
            place = source.randrange(1, len(entries))
            done, value = _hostile_entry(source, entries[place][1])
            entries[place] = (entries[place][0], value)
            kind = f"entry: {done}"
    elif kind == "header":
        entries[0] = (b"", _hostile_header(source))
    elif kind == "keys":
        place = source.randrange(len(entries))
        key = source.choice((b"", b"\0\x01x\0\x01", b"\xff\xfe", b"a" * 10**6, entries[0][0]))
        entries.insert(place, (key, entries[place][1]))
    elif kind == "block":
        content = source.randbytes(source.choice((0, 3, 4, 50)))
        options |= {"first": content, "kind": source.choice((0, 0, 1, 2, 255))}
    elif kind == "handle":
        options["handle"] = (source.choice(_NUMBERS[1:-1]), source.choice(_NUMBERS[1:-1]))
    elif kind == "restarts":
        size = max(1, options["size"] // 64)
        restarts = [source.choice((0, 1, 5, 2**31, 2**32 - 1)) for _ in range(source.randrange(5))]
        options["first"] = block(entries[:size], restarts)
    else:
        # Many variables that lie in the same bytes.
        key, value = entries[-1]
        entries += [(key + b"%06d" % n, value) for n in range(source.choice((10, 3000)))]
    path.write_bytes(table(entries, **options))
    return kind
