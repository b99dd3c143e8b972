# The public names and their modules. Type checkers read this file, and so does `__init__.py`.
from .client import Client as Client
from .client import ServedSummary as ServedSummary
from .export import export_saved_model as export_saved_model
from .served_model import ServedModel as ServedModel
from .transports import ServingError as ServingError
