# The public names and their modules. Type checkers read this file, and so does `__init__.py`.
from .dataset import PretrainingStatistics as PretrainingStatistics
from .dataset import pretraining_dataset as pretraining_dataset
from .examples import Example as Example
from .examples import ExampleMaker as ExampleMaker
from .settings import PretrainingSettings as PretrainingSettings
