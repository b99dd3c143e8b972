# The public names and their modules. Type checkers read this file, and so does `__init__.py`.
from .evaluator import evaluate as evaluate
from .faithfulness import Unsupported as Unsupported
from .faithfulness import mark as mark
from .faithfulness import unsupported as unsupported
from .rouge import RougeScorer as RougeScorer
from .rouge_callback import RougeCallback as RougeCallback
