"""Serving: exporting a SavedModel, and talking to the server that serves it.

The public names are listed in `__init__.pyi` and imported when they are first used; the client
needs no TensorFlow.
"""

from tf_pegasus.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(
    __name__, __file__, light=("Client", "ServedSummary", "ServingError")
)
