"""Exporting a SavedModel that takes strings and returns summaries."""

import tensorflow as tf

from tf_pegasus.files import new_directory_atomically
from tf_pegasus.generation.buckets import pad_to_bucket
from tf_pegasus.generation.generation_config import OUTPUT_FLAGS
from tf_pegasus.tokenizers.in_graph_tokenizer import TFPegasusTokenizer

EXPORT_ENGINES = ("xla", "graph")


class ServedSummarizer(tf.Module):
    """The graph from strings to summaries: tokenizer, padding, search, detokenizer.

    Args:
        summarizer: `tf_pegasus.summarization.Summarizer`.
        engine: `"xla"` or `"graph"`.
        **options: see `generate`.
    """

    def __init__(self, summarizer, engine, **options):
        super().__init__()
        model = summarizer.model
        self._limit = summarizer.max_source_length
        self._longest = model.config.max_position_embeddings
        self._pad_token_id = model.config.pad_token_id
        self._tokenizer = TFPegasusTokenizer.from_tokenizer(summarizer.tokenizer)
        # Keras keeps its variables in wrappers that a SavedModel does not look into.
        self._weights = [variable.value for variable in model.variables]
        matrix = tf.TensorSpec((None, None), tf.int32)
        # Strings cannot enter XLA: only the search is compiled, nested in the signature.
        options = {
            **options,
            "num_return_sequences": 1,
            "return_dict_in_generate": True,
            **dict.fromkeys(OUTPUT_FLAGS, False),
        }
        self._search = tf.function(
            lambda ids, mask: model.generate(ids, mask, **options).to_tuple(),
            input_signature=(matrix, matrix),
            jit_compile=engine == "xla",
            autograph=False,
        )

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def serve(self, text):
        """Summarizes `text`, string `(batch,)`; a blank text has the summary "" and score 0."""
        batch = tf.shape(text)[0]
        ids = self._tokenizer.truncate(self._tokenizer.tokenize(text), self._limit)
        is_blank = tf.strings.length(tf.strings.strip(text)) == 0
        mask = tf.where(is_blank[:, None], 0, tf.ones_like(ids).to_tensor(0))
        padded = pad_to_bucket(
            ids.to_tensor(self._pad_token_id), mask, self._pad_token_id, self._longest
        )
        sequences, scores = self._search(*padded)
        return {
            "summary": self._tokenizer.detokenize(sequences[:batch]),
            "score": scores[:batch],
        }


def export_saved_model(summarizer, directory, engine="xla", **options):
    """Writes a SavedModel whose `serving_default` maps `text` to `summary` and `score`.

    Tokenizer and search are inside: serving needs `tensorflow` and `tensorflow_text`'s ops,
    no Python of this package. A text that is too long is cut, as in `summarize`.

    Args:
        summarizer: `tf_pegasus.summarization.Summarizer`.
        directory: path that does not exist yet, or is empty.
        engine: `"xla"` (compiles at the first request of each bucket; TF Serving wants
            `--xla_cpu_compilation_enabled=true`) or `"graph"` (runs everywhere).
        **options: see `generate`, such as `num_beams`; by default the model's.

    Raises:
        FileExistsError: `directory` has something in it.
        ValueError, TypeError: an option is unknown or out of range.
    """
    if engine not in EXPORT_ENGINES:
        raise ValueError(f"engine={engine!r} must be one of {', '.join(EXPORT_ENGINES)}")
    module = ServedSummarizer(summarizer, engine, **options)
    with new_directory_atomically(directory) as temporary:
        tf.saved_model.save(module, str(temporary), signatures={"serving_default": module.serve})
