"""The engines of `generate`; see its argument `engine`."""

ENGINES = ("xla", "graph", "eager")
