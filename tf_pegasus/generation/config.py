"""Deprecated location of `tf_pegasus.config.generation`."""

from tf_pegasus.config.generation import (  # noqa: F401
    GENERATION_CONFIG_FILE,
    LENGTH_PENALTY_TYPES,
    OUTPUT_FLAGS,
    GenerationConfig,
)
