"""Evaluation of summaries.

The public names are listed in `__init__.pyi` and imported when they are first used; only a model
needs TensorFlow.
"""

from tf_pegasus.utils.lazy import attach_stub

_LIGHT = ("RougeScorer", "Unsupported", "evaluate", "mark", "unsupported")

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__, light=_LIGHT)
