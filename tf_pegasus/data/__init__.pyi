# The public names and their modules. Type checkers read this file, and so does `__init__.py`.
from .dataset import DatasetStatistics as DatasetStatistics
from .dataset import summarization_dataset as summarization_dataset
from .rows import Rows as Rows
