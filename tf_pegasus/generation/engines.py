"""The engines that `generate` runs on; see its argument `engine`."""

ENGINES = ("xla", "graph", "eager")
