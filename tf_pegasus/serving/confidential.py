"""Checks headers and addresses that may hold secrets, and keeps these out of messages."""

import re

# Of what a server writes into its errors.
MAX_DETAILS = 4000
# A shorter value is no secret, and would be found in any text.
_LEAST_SECRET = 4


class Redaction:
    """Replaces secrets in texts that a server wrote, which may repeat what it was sent.

    Args:
        secrets: iterable of str or bytes, such as the headers' values.
    """

    def __init__(self, secrets):
        values = {s.decode("latin-1") if isinstance(s, bytes) else s for s in secrets}
        # `Bearer x` is as secret as x.
        parts = {part for value in values for part in value.split()}
        # Longest first, or the rest of a value would stay.
        self._secrets = sorted(
            (s for s in values | parts if len(s) >= _LEAST_SECRET), key=len, reverse=True
        )

    def __call__(self, text):
        """Returns `text` for a message: shortened, without control characters and secrets.

        Anything but a str becomes "no details".
        """
        if not isinstance(text, str):
            return "no details"
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = re.sub(r"[^\S\n]|[^\x20-\U0010ffff\n]", " ", text[:MAX_DETAILS])
        return re.sub(r"[\x7f-\x9f\ud800-\udfff]", "?", text)


def without_credentials(address):
    """Returns an address for a message: without user, password, query and fragment."""
    return re.sub(r"[?#].*", "", re.sub(r"^(\w+:/*)?.*@", r"\1***@", address, flags=re.DOTALL))


def checked_http_headers(headers):
    """A copy of `headers`, or the error of one that HTTP cannot send.

    Raises:
        TypeError, ValueError: the message has the header's name, never its value.
    """
    return _checked(
        headers, str, r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", r"([\x21-\x7e\x80-\xff][\t -\xff]*)?"
    )


def checked_grpc_metadata(headers):
    """`headers` as a list of pairs, or the error of one that gRPC cannot send.

    Raises:
        TypeError, ValueError: the message has the header's name, never its value.
    """
    checked = _checked(headers, str.lower, r"(?!grpc-)[0-9a-z_.\-]+", r"[\x20-\x7e]*")
    return list(checked.items())


def _checked(headers, spelled, names, values):
    checked = {}
    for name, value in (headers or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"headers: names must be str, got {type(name).__name__}")
        name = spelled(name)
        if not re.fullmatch(names, name):
            raise ValueError(f"headers: {name!r} is no header's name")
        is_binary = isinstance(value, bytes) and name.endswith("-bin")
        if not is_binary and not isinstance(value, str):
            raise TypeError(f"headers[{name!r}] must be a str, got {type(value).__name__}")
        if not is_binary and not re.fullmatch(values, value, re.DOTALL):
            raise ValueError(f"headers[{name!r}] has a character that no header may have")
        checked[name] = value
    return checked
