"""The tokenizer and the model that a training starts from."""

import tempfile
from pathlib import Path

from tf_pegasus.bundled import model_location
from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.tokenizers.loading import has_tokenizer, load_tokenizer
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE
from tf_pegasus.tokenizers.vocabulary import train_vocabulary

# sentencepiece needs twenty times as much memory as it gets of texts.
_VOCABULARY_BYTES = 24 * 2**20


def starting_tokenizer(arguments, rows, directory):
    """Returns the tokenizer of a run, of the model to fine-tune, of a file, or a new one.

    Args:
        arguments: `TrainingArguments`.
        rows: `Rows` of the training examples, or `Documents`.
        directory: `RunDirectory`.
    """
    length = {"model_max_length": arguments.data.max_source_length}
    # Before the first checkpoint its files may be there in part.
    if directory.has_checkpoint and has_tokenizer(directory.path):
        return load_tokenizer(directory.path, **length)
    if arguments.model.name:
        return load_tokenizer(model_location(arguments.model.name), **length)
    if arguments.model.vocab_file:
        return PegasusTokenizer(arguments.model.vocab_file, **length)
    sample = rows.sample(_VOCABULARY_BYTES, arguments.run.seed)
    texts = (text for row in sample for text in ([row] if isinstance(row, str) else row))
    with tempfile.TemporaryDirectory() as temporary:
        vocab_file = Path(temporary) / VOCAB_FILE
        train_vocabulary(texts, vocab_file, arguments.model.vocab_size)
        return PegasusTokenizer(vocab_file, **length)


def starting_model(arguments, tokenizer, model_class=TFPegasusForConditionalGeneration, **values):
    """Returns the model to fine-tune, or a new one for the tokenizer.

    Args:
        arguments: `TrainingArguments`.
        tokenizer: `PegasusTokenizer`.
        model_class: `TFPegasusForConditionalGeneration`, or a class with the same weights.
        **values: further values of the configuration.
    """
    longest = max(arguments.data.max_source_length, arguments.data.max_target_length)
    regularization = {
        "dropout": arguments.model.dropout,
        "label_smoothing": arguments.model.label_smoothing,
        **values,
    }
    if arguments.model.name:
        model = model_class.from_pretrained(
            model_location(arguments.model.name), dtype=arguments.model.precision, **regularization
        )
        if longest > model.config.max_position_embeddings:
            # Positions are computed, so that the model has any number of them.
            model.resize_position_embeddings(longest)
        return model
    config = PegasusConfig(
        vocab_size=tokenizer.vocab_size,
        max_position_embeddings=longest,
        d_model=arguments.model.d_model,
        encoder_layers=arguments.model.layers,
        decoder_layers=arguments.model.layers,
        encoder_attention_heads=arguments.model.heads,
        decoder_attention_heads=arguments.model.heads,
        encoder_ffn_dim=arguments.model.ffn_dim,
        decoder_ffn_dim=arguments.model.ffn_dim,
        activation_function="relu",
        scale_embedding=True,
        **regularization,
    )
    return model_class(config, dtype=arguments.model.precision)
