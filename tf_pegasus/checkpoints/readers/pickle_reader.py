"""Reads the pickles inside PyTorch files without executing anything in them.

A pickle is a program. This module interprets the few instructions that state dicts consist of,
with a table of the few symbols that rebuild tensors, and refuses everything else by name. It
imports nothing, and never creates an object of a class that the file names.
"""

import pickletools
from typing import Any, BinaryIO, NamedTuple

from tf_pegasus.checkpoints.readers.weight_file import MOST_DIMENSIONS, DamagedFileError

STORAGE_DTYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


class Symbol(NamedTuple):
    """A name in the pickle, which is never imported."""

    module: str
    name: str


class Storage(NamedTuple):
    """A persistent id, which refers to the numbers of a tensor."""

    dtype: str
    key: str
    size: int


class StoredTensor(NamedTuple):
    """A tensor that is not read yet; sizes and strides are in elements."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


_MARK = object()
_STORAGES = {Symbol("torch", name): dtype for name, dtype in STORAGE_DTYPES.items()}
_ORDERED_DICT = Symbol("collections", "OrderedDict")
_TENSOR = Symbol("torch._utils", "_rebuild_tensor_v2")
_OLD_TENSOR = Symbol("torch._utils", "_rebuild_tensor")
_PARAMETER = Symbol("torch._utils", "_rebuild_parameter")
_ALLOWED = {_ORDERED_DICT, _TENSOR, _OLD_TENSOR, _PARAMETER, *_STORAGES}

_PUSH_ARGUMENT = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES"),
    *("BINSTRING", "SHORT_BINSTRING"),
}
_PUSH_VALUE = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_REMEMBER = {"BINPUT", "LONG_BINPUT"}
_RECALL = {"BINGET", "LONG_BINGET"}


# A state dict has about 35 instructions for each weight, and nothing long but lists of them.
MOST_INSTRUCTIONS = 2**18
_MOST_ARGUMENT_BYTES = 2**16
_MOST_KEY = 2**31
_MOST_COUNT = 2**62


class _LimitedFile:
    """A file that refuses to read past its end, before memory is allocated for the data."""

    def __init__(self, file, size):
        self._file, self._size = file, size

    def read(self, count):
        if count > self._size - self._file.tell():
            raise ValueError("it is cut short")
        if count > _MOST_ARGUMENT_BYTES:
            raise ValueError(f"a text or number of {count} bytes")
        return self._file.read(count)

    def readline(self):
        return self._file.readline(4096)

    def tell(self):
        return self._file.tell()


def read_pickle(file: BinaryIO, size: int) -> Any:
    """Reads one pickle from `file`, whose position is then after the pickle.

    Args:
        file: binary file.
        size: int, the file's length in bytes.

    Returns:
        The value, consisting of dicts, lists, tuples, str, numbers and `StoredTensor`s.

    Raises:
        DamagedFileError: it is no pickle of a state dict, or does more than one could; a
            forbidden symbol or instruction is named.
    """
    machine = _Machine()
    try:
        limited: Any = _LimitedFile(file, size)
        for opcode, argument, _ in pickletools.genops(limited):
            machine.run(opcode.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, MemoryError, OverflowError) as error:
        if isinstance(error, DamagedFileError):
            raise
        why = f"{type(error).__name__}: {error}"
        raise DamagedFileError(f"its pickle is invalid ({why})") from error
    return machine.result()


class _Machine:
    def __init__(self):
        self._stack, self._memo = [], {}
        self._work = 0

    def result(self):
        if len(self._stack) != 1:
            raise DamagedFileError("its pickle is invalid")
        return self._stack[0]

    def _count_work(self, steps):
        self._work += steps
        if self._work > MOST_INSTRUCTIONS:
            raise DamagedFileError(
                f"its pickle has more than {MOST_INSTRUCTIONS} instructions, no state dict's has"
            )

    def run(self, name, argument):
        stack = self._stack
        self._count_work(1)
        if name in _PUSH_ARGUMENT:
            stack.append(argument)
        elif name in _PUSH_VALUE:
            stack.append(_PUSH_VALUE[name])
        elif name in _TUPLES:
            count = _TUPLES[name]
            if len(stack) < count:
                raise IndexError(name)
            stack[-count:] = [tuple(stack[-count:])]
        elif name in _REMEMBER:
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in _RECALL:
            stack.append(self._memo[argument])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "TUPLE":
            stack.append(tuple(self._pop_to_mark()))
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "GLOBAL":
            stack.append(_allowed(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            symbol = stack.pop()
            stack.append(_allowed(stack.pop(), symbol))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif name == "REDUCE":
            arguments = stack.pop()
            rebuilt = _rebuilt(stack.pop(), arguments)
            # One list may be copied again and again.
            self._count_work(len(rebuilt))
            stack.append(rebuilt)
        elif name == "BUILD":
            # Attributes of the dict (`_metadata`), on which no weight depends.
            stack.pop()
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._pop_to_mark()
            _expect(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            if name == "SETITEM":
                value = stack.pop()
                items = [stack.pop(), value]
            else:
                items = self._pop_to_mark()
            for key, value in zip(items[::2], items[1::2], strict=True):
                _expect(stack[-1], dict)[_key(key)] = value
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise DamagedFileError(
                f"refuses the pickle instruction {name}: state dicts do not have it"
            )

    def _pop_to_mark(self):
        items = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]


def _expect(value, kind):
    if not isinstance(value, kind):
        raise TypeError(f"unexpected {type(value).__name__}")
    return value


def _allowed(module, name):
    # Other objects could be built so that comparing or printing them takes forever.
    symbol = Symbol(_expect(module, str), _expect(name, str))
    if symbol not in _ALLOWED:
        raise DamagedFileError(
            f"refuses the pickle symbol {module:.100}.{name:.100}: only those that rebuild "
            "tensors are read"
        )
    return symbol


def _storage(persistent_id):
    kind, symbol, key, _, size = _expect(persistent_id, tuple)[:5]
    if kind != "storage" or not isinstance(symbol, Symbol) or symbol not in _STORAGES:
        raise DamagedFileError("its pickle refers to something that is no storage of numbers")
    return Storage(_STORAGES[symbol], str(_key(key)), _count(size))


def _rebuilt(symbol, arguments):
    _expect(symbol, Symbol)
    _expect(arguments, tuple)
    if symbol == _ORDERED_DICT:
        items = arguments[0] if arguments else []
        return {_key(key): value for key, value in _expect(items, list)}
    if symbol == _PARAMETER:
        return _expect(arguments[0], StoredTensor)
    if symbol in (_TENSOR, _OLD_TENSOR):
        storage, offset, shape, strides = arguments[:4]
        return _checked_tensor(
            StoredTensor(
                _expect(storage, Storage),
                _count(offset),
                _counts(shape),
                _counts(strides),
            )
        )
    raise DamagedFileError(f"its pickle calls {symbol.module}.{symbol.name}")


def _key(value):
    # Larger integers may be made so that all have the same hash.
    if isinstance(value, int) and abs(value) >= _MOST_KEY:
        raise ValueError(f"a key of {value.bit_length()} bits")
    return _expect(value, (str, int))


def _counts(values):
    if len(_expect(values, tuple)) > MOST_DIMENSIONS:
        raise ValueError(f"a tensor has {len(values)} dimensions or strides")
    return tuple(_count(value) for value in values)


def _count(value):
    if isinstance(value, bool) or not 0 <= _expect(value, int) < _MOST_COUNT:
        shown = value if abs(value) < _MOST_COUNT else f"a number of {value.bit_length()} bits"
        raise ValueError(f"{shown} is not a count")
    return value


def _checked_tensor(tensor):
    """Raises ValueError unless all elements are inside the storage."""
    size, last = 1, tensor.offset
    if len(tensor.shape) != len(tensor.strides):
        raise ValueError(f"a tensor has the shape {tensor.shape} and strides {tensor.strides}")
    for count, stride in zip(tensor.shape, tensor.strides, strict=True):
        size *= count
        last += max(count - 1, 0) * stride
    # The size is checked first, because strides of 0 would make a small storage look large.
    if size > tensor.storage.size or (size and last >= tensor.storage.size):
        raise ValueError(f"a tensor of the shape {tensor.shape} is larger than its storage")
    return tensor
