"""sentencepiece's precompiled map of characters, checked before native code follows it.

The map is a number (the bytes of a trie), the trie, and the strings that it leads to, each
ended by NUL. The trie is a double array of darts-clone: from a node with the base b, the byte c
leads to the unit at b ^ c, if that unit's label is c; sentencepiece reads it without a bound.
"""

import numpy as np

# NFKC's largest map, with case folding, has 0.3 MB.
_MAX_BYTES = 4 * 2**20
# NFKC's longest source has 12 bytes, its longest target 33. sentencepiece has room for 32 sources
# that are prefixes of one another.
_MAX_SOURCE_BYTES = 32
_MAX_TARGET_BYTES = 64

_BLOCK = 256
_IS_LEAF = 1 << 31
_HAS_LEAF = 1 << 8
_WIDE_OFFSET = 1 << 9


def check_character_map(blob: bytes) -> None:
    """Checks that no text can lead outside of the map, nor make gigabytes of itself.

    Args:
        blob: bytes of `precompiled_charsmap`.

    Raises:
        ValueError: what is wrong with it.
    """
    if len(blob) > _MAX_BYTES:
        raise ValueError(f"it has {len(blob)} bytes, at most {_MAX_BYTES} are read")
    size = int.from_bytes(blob[:4], "little")
    if len(blob) < 5 or size >= len(blob) - 4:
        raise ValueError(f"its trie would have {size} of {len(blob)} bytes")
    if size == 0 or size % (4 * _BLOCK):
        raise ValueError(f"its trie has {size} bytes, no multiple of {4 * _BLOCK}")
    values = _values(np.frombuffer(blob, "<u4", size // 4, offset=4))
    _check_targets(blob[4 + size :], values)


def _values(units):
    """The values that a trie's keys have; raises where a key leads out of it."""
    positions = np.arange(len(units))
    labels = units & (_IS_LEAF | 0xFF)
    shifts = np.where(units & _WIDE_OFFSET, 8, 0)
    targets = positions ^ ((units >> 10).astype(np.int64) << shifts)
    is_node = labels < _BLOCK
    # A unit's label says from which base it can be reached: so there are as many edges as units.
    sources = positions ^ np.where(is_node, labels, 0)
    reached = np.zeros(len(units), bool)
    bases = np.zeros(len(units), bool)
    # The root is unit 0, without a label.
    _check_inside(targets[:1], len(units))
    bases[targets[0]] = True
    for _ in range(_MAX_SOURCE_BYTES):
        entered = is_node & bases[sources]
        if not entered.any():
            break
        _check_inside(targets[entered], len(units))
        reached |= entered
        bases[:] = False
        bases[targets[entered]] = True
    else:
        raise ValueError(f"its trie has keys of more than {_MAX_SOURCE_BYTES} bytes, or a circle")
    return units[targets[reached & (units & _HAS_LEAF != 0)]] & (_IS_LEAF - 1)


def _check_inside(bases, size):
    # As the size is a multiple of a block, so are all units that a byte leads to.
    if (bases >= size).any():
        raise ValueError(f"its trie leads to the unit {bases.max()} of {size}")


def _check_targets(targets, values):
    if not targets.endswith(b"\0"):
        raise ValueError("its last string has no end")
    try:
        targets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"its strings are not UTF-8 (byte {error.start})") from error
    if not len(values):
        return
    if values.max() >= len(targets):
        raise ValueError(f"its trie leads to the byte {values.max()} of {len(targets)}")
    characters = np.frombuffer(targets, np.uint8)
    ends = np.flatnonzero(characters == 0)
    lengths = ends[np.searchsorted(ends, values)] - values
    if lengths.max() > _MAX_TARGET_BYTES:
        raise ValueError(
            f"it makes {lengths.max()} bytes of a character, at most {_MAX_TARGET_BYTES} are read"
        )
    if (characters[values] & 0xC0 == 0x80).any():
        raise ValueError("its trie leads into the midst of a character")
