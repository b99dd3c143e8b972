# The public names and their modules. Type checkers read this file, and so does `__init__.py`.
from .bundled import bundled_model as bundled_model
from .config.generation import GenerationConfig as GenerationConfig
from .config.model import PegasusConfig as PegasusConfig
from .generation.streamers import TextIteratorStreamer as TextIteratorStreamer
from .generation.streamers import TextStreamer as TextStreamer
from .layers.decoder import TFPegasusDecoder as TFPegasusDecoder
from .layers.embeddings import PegasusSharedEmbedding as PegasusSharedEmbedding
from .layers.encoder import TFPegasusEncoder as TFPegasusEncoder
from .layers.outputs import (
    TFBaseModelOutput as TFBaseModelOutput,
)
from .layers.outputs import (
    TFBaseModelOutputWithPastAndCrossAttentions as TFBaseModelOutputWithPastAndCrossAttentions,
)
from .layers.outputs import (
    TFCausalLMOutputWithCrossAttentions as TFCausalLMOutputWithCrossAttentions,
)
from .layers.outputs import (
    TFPegasusForPreTrainingOutput as TFPegasusForPreTrainingOutput,
)
from .layers.outputs import (
    TFSeq2SeqLMOutput as TFSeq2SeqLMOutput,
)
from .layers.outputs import (
    TFSeq2SeqModelOutput as TFSeq2SeqModelOutput,
)
from .models.backbone import TFPegasusModel as TFPegasusModel
from .models.causal_lm import TFPegasusForCausalLM as TFPegasusForCausalLM
from .models.conditional_generation import (
    TFPegasusForConditionalGeneration as TFPegasusForConditionalGeneration,
)
from .models.metrics import Perplexity as Perplexity
from .models.metrics import TokenAccuracy as TokenAccuracy
from .models.pretraining import TFPegasusForPreTraining as TFPegasusForPreTraining
from .serving.export import export_saved_model as export_saved_model
from .summarization.summarize import Summary as Summary
from .summarizer import Summarizer as Summarizer
from .tokenizers.added_token import AddedToken as AddedToken
from .tokenizers.batch_encoding import BatchEncoding as BatchEncoding
from .tokenizers.fast_tokenizer import PegasusTokenizerFast as PegasusTokenizerFast
from .tokenizers.in_graph_tokenizer import TFPegasusTokenizer as TFPegasusTokenizer
from .tokenizers.preprocessor import PegasusPreprocessor as PegasusPreprocessor
from .tokenizers.sentencepiece_tokenizer import PegasusTokenizer as PegasusTokenizer
from .version import __version__ as __version__
