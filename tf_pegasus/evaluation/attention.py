"""Cross-attention: where a model looks while it writes a summary."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CrossAttention:
    """The attention of a summary's tokens to a document's tokens.

    Attributes:
        source, target: lists of str, the tokens of document and summary, with eos.
        weights: float32 array `[len(target), len(source)]`, the mean over layers and heads; each
            row has a sum of 1 and belongs to the step that predicts its token.
    """

    source: list[str]
    target: list[str]
    weights: np.ndarray


def cross_attention(summarizer, document: str, summary: str) -> CrossAttention:
    """Returns the attention of a model that is made to write a given summary.

    Args:
        summarizer: `Summarizer`.
        document, summary: str; both are cut at the model's limit.
    """
    model, tokenizer = summarizer.model, summarizer.tokenizer
    limit = summarizer.max_source_length
    source, target = (
        tokenizer.truncate(ids, limit) for ids in tokenizer.encode_batch([document, summary])
    )
    output = model(
        input_ids=np.array([source], "int32"),
        decoder_input_ids=np.array([[model.config.decoder_start_token_id, *target[:-1]]], "int32"),
        output_attentions=True,
    )
    layers = [np.asarray(layer[0], "float32").mean(axis=0) for layer in output.cross_attentions]
    return CrossAttention(
        tokenizer.convert_ids_to_tokens(source),
        tokenizer.convert_ids_to_tokens(target),
        np.mean(layers, axis=0),
    )
