"""Weight files whose instructions, names and sizes cost far more than their bytes."""

import itertools
import json
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np

_SIZES = (-1, 0, 1, 2, 60, 2**15, 2**31 - 1, 2**32, 2**40, 2**53, 2**62, 2**63 - 1, 2**64 - 1)


# PyTorch


def _integer(value):
    width = max(1, (value.bit_length() + 8) // 8)
    return b"\x8a" + bytes([width]) + value.to_bytes(width, "little", signed=True)


def _text(value):
    return b"X" + struct.pack("<I", len(value)) + value


_ORDERED_DICT = b"ccollections\nOrderedDict\n"
_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"


def _storage(size=4):
    parts = _text(b"storage") + b"ctorch\nFloatStorage\n" + _text(b"0") + _text(b"cpu")
    return b"(" + parts + _integer(size) + b"tQ"


def copies_of_a_list(items, copies):
    """Makes a dict of one list, again and again."""
    pairs = b"".join(_text(b"%d" % n) + b"K\x01\x86" for n in range(items))
    program = b"](" + pairs + b"eq\x00\x85q\x01" + (_ORDERED_DICT + b"h\x01R") * copies
    return b"\x80\x02" + program + b"."


def wide_shapes(items, copies):
    """Copies one long tuple again and again, as a tensor's shape."""
    shape = b"(" + b"K\x01" * items + b"tq\x00"
    storage = _storage() + b"q\x01"
    tensor = _TENSOR + b"(h\x01K\x00h\x00h\x00\x89}tR"
    return b"\x80\x02" + shape + storage + tensor * copies + b"."


def equal_hashes(items):
    """Keys that a dict has to compare with all others."""
    prime = 2**61 - 1
    keys = b"".join(_integer(prime * (n + 1)) + b"N" for n in range(items))
    return b"\x80\x02}(" + keys + b"u."


def many_instructions(count):
    return b"\x80\x02}" + b"Nb" * (count // 2) + b"."


def huge_integers(length):
    number = b"\x8b" + struct.pack("<i", length) + b"\xff" * (length - 1) + b"\x7f"
    shape = b"(" + number + b"q\x00" + b"h\x00" * 7 + b"tq\x01"
    tensor = _TENSOR + b"(" + _storage() + b"K\x00h\x01h\x01\x89}tR"
    return b"\x80\x02" + shape + tensor + b"."


def write_zip(path, pickled, order=b"little", compression=zipfile.ZIP_STORED, names=0):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickled)
        archive.writestr("archive/byteorder", order)
        for number in range(names):
            archive.writestr(f"archive/data/{number}", b"")


def _mutate_bin(source, path):
    kind = source.choice(
        ("byteorder", "list", "shapes", "hashes", "instructions", "integers", "names")
    )
    many = source.choice((10, 1000, 20_000))
    if kind == "byteorder":
        write_zip(path, b"\x80\x02}.", b"\0" * source.choice((10, 10**9)), zipfile.ZIP_DEFLATED)
    elif kind == "names":
        write_zip(path, b"\x80\x02}.", names=many * 2)
    else:
        pickled = {
            "list": lambda: copies_of_a_list(many, many),
            "shapes": lambda: wide_shapes(many, many),
            "hashes": lambda: equal_hashes(many * 3),
            "instructions": lambda: many_instructions(many * 200),
            "integers": lambda: huge_integers(many * 100),
        }[kind]()
        if source.random() < 0.5:
            write_zip(path, pickled)
        else:
            path.write_bytes(pickled * source.choice((1, 5)))
    return kind


# HDF5


def linked_groups(path, depth, width):
    """Groups that are reached in width^depth ways."""
    with h5py.File(path, "w") as file:
        groups = [file.create_group(f"g{n}") for n in range(depth)]
        for above, below in itertools.pairwise(groups):
            for number in range(width):
                above[f"l{number}"] = below
        groups[-1]["kernel"] = np.zeros(2, "float32")


def _mutate_h5(source, path):
    kind = source.choice(("linked groups", "circle", "many groups", "dtype", "deep", "shared"))
    with h5py.File(path, "w") as file:
        if kind == "circle":
            inner = file.create_group("model/a")
            inner["b"] = file["model"]
        elif kind == "many groups":
            for number in range(source.choice((10, 3000))):
                file.create_group(f"model/{number}")
        elif kind == "dtype":
            dtype = [(f"f{n}", "float32") for n in range(source.choice((1, 500)))]
            file["model/a"] = np.zeros(2, source.choice((dtype, "S9", "complex64", ">f4")))
        elif kind == "deep":
            file.create_group("/".join("a" * source.choice((10, 30, 900))))
        elif kind == "shared":
            file["model/a"] = np.zeros(9, "float32")
            for number in range(source.choice((1, 100))):
                file[f"model/b{number}"] = file["model/a"]
    if kind == "linked groups":
        linked_groups(path, source.choice((3, 14)), source.choice((2, 20)))
    return kind


# msgpack


def _packed_array(source, shape, dtype=b"float32", content=b""):
    numbers = b""
    for size in shape:
        kind = source.choice(("size", "size", "bool", "nil", "float", "text"))
        numbers += {
            "size": b"\xcf" + struct.pack(">Q", size % 2**64),
            "bool": b"\xc3",
            "nil": b"\xc0",
            "float": b"\xcb" + struct.pack(">d", float(size)),
            "text": b"\xa11",
        }[kind]
    header = b"\xdc" + struct.pack(">H", len(shape)) + numbers
    value = b"\x93" + header + bytes([0xA0 + len(dtype)]) + dtype
    value += b"\xc6" + struct.pack(">I", len(content)) + content
    return b"\xc9" + struct.pack(">I", len(value)) + b"\x01" + value


def _mutate_msgpack(source, path):
    kind = source.choice(("maps", "arrays", "array of arrays", "extension", "chunks", "long name"))
    many = source.choice((10, 10_000, 300_000))
    if kind == "maps":
        content = b"\xdf" + struct.pack(">I", many)
        content += b"".join(b"\xa6%06d\x80" % (n % 10**6) for n in range(many))
    elif kind == "arrays":
        content = b"\x81\xa1a" + b"\x90" * many
    elif kind == "array of arrays":
        content = b"\x81\xa1a" + (b"\xdd" + struct.pack(">I", many)) * (many // 100) + b"\0" * many
    elif kind == "extension":
        shape = [source.choice(_SIZES) for _ in range(source.choice((0, 1, 2, 9, 65, 3000)))]
        dtype = source.choice((b"float32", b"bfloat16", b"O", b"object", b"\xff"))
        content = b"\x81\xa1a" + _packed_array(source, shape, dtype, bytes(source.randrange(64)))
    elif kind == "chunks":
        key = b"\xb9__msgpack_chunked_array__"
        count = source.choice((0, 1, 15))
        chunks = b"".join(
            b"\xa1%d" % (n % 10) + _packed_array(source, [4], content=bytes(16))
            for n in range(count)
        )
        shape = b"\x81\xa10" + source.choice((b"\x04", b"\xc3", b"\xcf" + b"\xff" * 8))
        content = b"\x81\xa1a\x83" + key + source.choice((b"\xc3", b"\xc2", b"\x01"))
        content += b"\xa5shape" + shape + b"\xa6chunks" + bytes([0x80 + count]) + chunks
    else:
        content = b"\x81\xdb" + struct.pack(">I", many) + b"a" * many + b"\x80"
    path.write_bytes(content)
    return kind


# safetensors


def write_safetensors_header(path, header, content=b""):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + content)


def _mutate_safetensors(source, path):
    kind = source.choice(("shape", "dimensions", "many", "deep", "offsets", "dtype", "name"))
    entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    header = {"model.shared.weight": entry}
    if kind == "shape":
        entry["shape"] = [source.choice((*_SIZES, True, 1.5, None)) for _ in range(2)]
        entry["data_offsets"] = source.choice(([0, 16], [0, 0]))
    elif kind == "dimensions":
        entry["shape"] = [1] * source.choice((9, 33, 65, 1000)) + [4]
    elif kind == "many":
        empty = {"dtype": "F32", "shape": [0], "data_offsets": [16, 16]}
        header |= {f"w{n}": empty for n in range(source.choice((10, 20_000, 60_000)))}
    elif kind == "deep":
        depth = source.choice((10, 200, 10**5))
        header = b'{"w":' + b"[" * depth + b"]" * depth + b"}"
    elif kind == "offsets":
        entry["data_offsets"] = [source.choice(_SIZES), source.choice(_SIZES)]
    elif kind == "dtype":
        entry["dtype"] = source.choice(("F4", "I8", "C64", "F8_E4M3", "", None, 7))
    else:
        header = {source.choice(("", "a" * 10**5, "\0", "\ud800")): entry}
    write_safetensors_header(path, header, bytes(16))
    return kind


_MUTATIONS = {
    "pytorch_model.bin": _mutate_bin,
    "tf_model.h5": _mutate_h5,
    "flax_model.msgpack": _mutate_msgpack,
    "model.safetensors": _mutate_safetensors,
}


def mutator(name):
    """Returns a function that writes a hostile file of this name, and returns what was done."""

    def mutate(source, directory):
        return _MUTATIONS[name](source, Path(directory) / name)

    return mutate
