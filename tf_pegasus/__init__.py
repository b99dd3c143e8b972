"""PEGASUS abstractive summarization (Zhang et al., ICML 2020) for TensorFlow 2 and Keras 3.

The public names are listed in `__init__.pyi` and imported when they are first used, so that
importing the package imports neither TensorFlow nor Keras.
"""

from tf_pegasus.utils.lazy import attach_stub as _attach_stub

__getattr__, __dir__, __all__ = _attach_stub(
    __name__,
    __file__,
    light=(
        "AddedToken",
        "BatchEncoding",
        "GenerationConfig",
        "PegasusConfig",
        "PegasusTokenizer",
        "PegasusTokenizerFast",
        "__version__",
        "bundled_model",
    ),
)
