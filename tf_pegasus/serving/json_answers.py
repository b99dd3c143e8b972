"""Converts arrays to TF Serving's JSON, and untrusted JSON answers to arrays."""

import itertools
import json

import numpy as np

from tf_pegasus.serving.errors import ServingError, UnavailableError

# What an answer may hold: in memory a number takes 32 bytes and a list 64, in JSON two each.
MAX_VALUES = 2**23
MAX_LISTS = 2**20
# No output of a signature has more than 3.
MAX_RANK = 8


def checked_json(status, content, redacted):
    """Parses the body of an answer.

    Args:
        status: int, status code of HTTP.
        content: bytes.
        redacted: `Redaction`, applied to what messages quote.

    Returns:
        dict, the JSON object.

    Raises:
        UnavailableError, TimeoutError, ValueError, ServingError: depending on the status, or if
            the body is not a JSON object.
    """
    answer = _parsed(content)
    is_object = isinstance(answer, dict)
    details = redacted(answer.get("error") if is_object else content[:200].decode(errors="replace"))
    if status == 503:
        raise UnavailableError(f"the server is not available: {details}")
    if status == 504:
        raise TimeoutError(f"no answer within the server's deadline: {details}")
    if status in (400, 404):
        raise ValueError(f"the server refuses the request: {details}")
    if status != 200:
        raise ServingError(f"the server failed with {status}: {details}")
    if not is_object:
        raise ServingError(f"the answer is not a JSON object: {details}")
    return answer


def as_json(value):
    """Converts an array to nested lists for `json.dumps`."""
    value = np.asarray(value)
    if value.dtype == object:
        return [text.decode() for text in value]
    return value.tolist()


def as_array(value):
    """Converts nested lists to an array; strings become bytes in an object array.

    Raises:
        ValueError: if the lengths of lists differ, or a value is no number, bool or string.
    """
    shape, values = [], [value]
    # By hand: numpy pads strings to the longest, and takes numbers and strings together.
    while values and isinstance(values[0], list):
        sizes = {len(v) if isinstance(v, list) else -1 for v in values}
        if len(sizes) != 1:
            raise ValueError("lists side by side differ in length or depth")
        shape.append(sizes.pop())
        if len(shape) > MAX_RANK:
            raise ValueError(f"lists are nested more than {MAX_RANK} deep")
        values = list(itertools.chain.from_iterable(values))
    types = set(map(type, values))
    if types == {str}:
        array = np.empty(len(values), object)
        array[:] = [text.encode() for text in values]
    elif types <= {int, float} or types == {bool}:
        dtype = int if types == {int} else bool if types == {bool} else float
        try:
            array = np.array(values, dtype)
        except OverflowError as error:
            raise ValueError(f"a number is too large: {error}") from error
    else:
        raise ValueError(
            "values must be numbers, bools or strings, and all alike, got "
            + ", ".join(sorted(kind.__name__ for kind in types))
        )
    return array.reshape(shape)


def as_states(answer):
    """The states of a model's versions, see `GrpcTransport.states`.

    Raises:
        ServingError: the answer holds none.
    """
    try:
        statuses = answer["model_version_status"]
        states = {int(status["version"]): status["state"] for status in statuses}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServingError(f"the answer holds no states of versions: {error!r:.200}") from error
    if not all(isinstance(state, str) for state in states.values()):
        raise ServingError("the answer holds no states of versions: a state is no string")
    return states


def _parsed(content):
    """Any JSON, or None if it is none.

    Raises:
        ServingError: it would take too much memory.
    """
    if content.count(b",") > MAX_VALUES:
        raise ServingError(f"the answer has more than {MAX_VALUES} values")
    if content.count(b"[") + content.count(b"{") > MAX_LISTS:
        raise ServingError(f"the answer has more than {MAX_LISTS} lists")
    try:
        return json.loads(content)
    except RecursionError:
        # Outside of the handler, which is as deep as the stack goes.
        pass
    except ValueError:
        return None
    raise ServingError("the answer is JSON that is nested too deep")
