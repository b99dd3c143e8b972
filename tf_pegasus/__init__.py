"""PEGASUS abstractive summarization (Zhang et al., ICML 2020) for TensorFlow 2 and Keras 3."""

import keras as _keras

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"tf_pegasus needs Keras' TensorFlow backend, but it is {_keras.backend.backend()!r}: "
        "set the environment variable KERAS_BACKEND=tensorflow before Keras is imported"
    )

from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.generation.config import GenerationConfig
from tf_pegasus.layers.decoder import TFPegasusDecoder
from tf_pegasus.layers.embeddings import PegasusSharedEmbedding
from tf_pegasus.layers.encoder import TFPegasusEncoder
from tf_pegasus.layers.outputs import (
    TFBaseModelOutput,
    TFBaseModelOutputWithPastAndCrossAttentions,
    TFCausalLMOutputWithCrossAttentions,
    TFSeq2SeqLMOutput,
    TFSeq2SeqModelOutput,
)
from tf_pegasus.models.backbone import TFPegasusModel
from tf_pegasus.models.causal_lm import TFPegasusForCausalLM
from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.serving.export import export_saved_model
from tf_pegasus.summarization.summarize import Summary
from tf_pegasus.summarizer import Summarizer
from tf_pegasus.tokenizers.fast_tokenizer import PegasusTokenizerFast
from tf_pegasus.tokenizers.in_graph_tokenizer import TFPegasusTokenizer
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.version import __version__

__all__ = [
    "GenerationConfig",
    "PegasusConfig",
    "PegasusSharedEmbedding",
    "PegasusTokenizer",
    "PegasusTokenizerFast",
    "Summarizer",
    "Summary",
    "TFBaseModelOutput",
    "TFBaseModelOutputWithPastAndCrossAttentions",
    "TFCausalLMOutputWithCrossAttentions",
    "TFPegasusDecoder",
    "TFPegasusEncoder",
    "TFPegasusForCausalLM",
    "TFPegasusForConditionalGeneration",
    "TFPegasusModel",
    "TFPegasusTokenizer",
    "TFSeq2SeqLMOutput",
    "TFSeq2SeqModelOutput",
    "__version__",
    "export_saved_model",
]
