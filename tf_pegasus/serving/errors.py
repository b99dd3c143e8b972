"""What a request to a server can end in, beside Python's own errors."""


class ServingError(RuntimeError):
    """The server failed, or its answer makes no sense."""


class UnavailableError(ConnectionError):
    """No server takes requests at the moment."""
