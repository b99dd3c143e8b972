"""How much memory a message will take, read off its bytes before it is parsed."""

# Two bytes on the wire can be an object of a hundred.
MAX_FIELDS = 2**18
# Of packed integers, a byte each on the wire and up to eight in memory: those as one field.
_PACKED = 64
# Of `FieldDescriptor.CPPTYPE_`: double, float, string (and bytes).
_BYTES_AND_FLOATS = {5, 6, 9}


def check_fields(descriptor, content):
    """Checks that a message has no more fields than an answer can need.

    Args:
        descriptor: the message's `Descriptor`.
        content: bytes.

    Raises:
        ValueError: it has more.
    """
    left = MAX_FIELDS
    parts = [(descriptor, 0, len(content))]
    while parts:
        kind, place, end = parts.pop()
        fields = kind.fields_by_number
        while place < end:
            left -= 1
            key, place = _varint(content, place)
            wire_type = key & 7
            if wire_type == 0:
                _, place = _varint(content, place)
            elif wire_type in (1, 5):
                place += 8 if wire_type == 1 else 4
            elif wire_type == 2:
                length, place = _varint(content, place)
                if length > end - place:
                    # Nonsense, which is for the parser to say.
                    break
                field = fields.get(key >> 3)
                if field is not None and field.message_type is not None:
                    parts.append((field.message_type, place, place + length))
                elif field is not None and field.cpp_type not in _BYTES_AND_FLOATS:
                    left -= length // _PACKED
                place += length
            if left < 0:
                raise ValueError(f"it has more than {MAX_FIELDS} fields")


def _varint(content, place):
    """A number and the place behind it; what has no end ends with the bytes."""
    number = shift = 0
    while place < len(content):
        byte = content[place]
        number |= (byte & 127) << shift
        place += 1
        shift += 7
        if byte < 128 or shift > 63:
            break
    return number, place
