"""Pre-training: gap sentences and masked words, and datasets of them.

The public names are listed in `__init__.pyi` and imported when they are first used.
"""

from tf_pegasus.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__, light=("PretrainingSettings",))
