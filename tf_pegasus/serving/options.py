"""What can be chosen for an export; importing it imports no TensorFlow."""

# What each choice has: the first is the engine of `serving_default`.
EXPORT_ENGINES = {"xla": ("xla",), "graph": ("graph",), "both": ("graph", "xla")}
WEIGHTS = ("float32", "bfloat16", "int8")
MAX_TEXT_BYTES = 1_000_000
