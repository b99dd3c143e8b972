"""The choices for an export; importing this module does not import TensorFlow."""

# Engines of each choice; the first is that of `serving_default`.
EXPORT_ENGINES = {"xla": ("xla",), "graph": ("graph",), "both": ("graph", "xla")}
WEIGHTS = ("float32", "bfloat16", "int8")
MAX_TEXT_BYTES = 1_000_000
