"""Signatures of an exported model, from strings to summaries."""

import tensorflow as tf

from tf_pegasus.config.generation import LENGTH_PENALTIES, OUTPUT_FLAGS
from tf_pegasus.generation.decoding import RuntimeOptions
from tf_pegasus.serving.parts import in_parts
from tf_pegasus.tokenizers.in_graph_tokenizer import TFPegasusTokenizer

_TEXT = tf.TensorSpec((None,), tf.string)
_MATRIX = tf.TensorSpec((None, None), tf.int32)
_ADJUSTABLE = {
    "num_beams": tf.TensorSpec((), tf.int32),
    "max_length": tf.TensorSpec((), tf.int32),
    "length_penalty": tf.TensorSpec((), tf.float32),
}
# Scores below belong to places that no hypothesis has filled.
_UNFILLED = -1e8


class ServedSummarizer:
    """The signatures of a SavedModel, with the tokenizer and the searches that they share.

    No row fails its batch: long texts are truncated, blank ones have empty summaries, bytes that
    are not valid UTF-8 become unknown characters, and
    spellings of special tokens are tokenized like any text.

    Args:
        summarizer: `Summarizer`.
        buckets: `Buckets`.
        engines: tuple of `"graph"`, `"xla"` or both; `serving_default` uses the first.
        options: `GenerationConfig`; `num_return_sequences` is the n of `summarize_n`.
        is_adjustable: bool, whether requests may set `num_beams`, `max_length` and
            `length_penalty`.
        max_text_bytes: int, texts are cut to this size before they are tokenized.

    Attributes:
        signatures: dict of `tf.function` by name.
        tokenizer: `TFPegasusTokenizer`.
    """

    def __init__(self, summarizer, buckets, engines, options, is_adjustable, max_text_bytes):
        self._model = summarizer.model
        self._config = summarizer.model.config
        self._buckets = buckets
        self._options = self._model.with_token_ids(options).updated(
            return_dict_in_generate=True, **dict.fromkeys(OUTPUT_FLAGS, False)
        )
        self._is_adjustable = is_adjustable
        self._max_text_bytes = max_text_bytes
        # Whoever sends a text must not bring in ids that mean something else to the model.
        self.tokenizer = TFPegasusTokenizer.from_tokenizer(
            summarizer.tokenizer, special_tokens_in_text="escape"
        )
        self._searches = {engine: self._search(engine == "xla") for engine in engines}
        self.signatures = self._all_signatures(engines)

    # Signatures

    def _all_signatures(self, engines):
        signatures = {
            "score": self._signature(self._score, document=_TEXT, summary=_TEXT),
            "encode": self._signature(self._encode, text=_TEXT),
            "tokenize": self._signature(self._tokenize, text=_TEXT),
        }
        for engine in engines:
            suffix = "" if engine == engines[0] else f"_{engine}"
            for name, function, specs in (
                ("serving_default", self._summarize, {"text": _TEXT}),
                ("summarize_n", self._summarize_n, {"text": _TEXT}),
                (
                    "generate_ids",
                    self._generate_ids,
                    {"input_ids": _MATRIX, "attention_mask": _MATRIX},
                ),
            ):
                signatures[name + suffix] = self._generating(function, engine, specs)
        return signatures

    def _signature(self, function, **specs):
        return tf.function(function, input_signature=list(specs.values()), autograph=False)

    def _generating(self, function, engine, specs):
        """Returns a generating signature.

        If the export is adjustable, its last inputs are the runtime options, which default to the
        options of the export.
        """
        search = self._searches[engine]
        takes_text = "text" in specs
        if not self._is_adjustable:

            def fixed_of_text(text):
                return function(search, RuntimeOptions(), text)

            def fixed_of_ids(input_ids, attention_mask):
                return function(search, RuntimeOptions(), input_ids, attention_mask)

            return self._signature(fixed_of_text if takes_text else fixed_of_ids, **specs)
        # Tensors as defaults become defaults of the signature, which TF Serving and C++ fill in.
        beams = tf.constant(self._options.num_beams)
        longest = tf.constant(self._options.max_length)
        penalty = tf.constant(self._options.length_penalty, tf.float32)

        def of_text(text, num_beams=beams, max_length=longest, length_penalty=penalty):
            runtime = self._checked(num_beams, max_length, length_penalty)
            return function(search, runtime, text)

        def of_ids(
            input_ids, attention_mask, num_beams=beams, max_length=longest, length_penalty=penalty
        ):
            runtime = self._checked(num_beams, max_length, length_penalty)
            return function(search, runtime, input_ids, attention_mask)

        return self._signature(of_text if takes_text else of_ids, **specs, **_ADJUSTABLE)

    def _summarize(self, search, runtime, text):
        """Returns the best summary of each text."""
        best = self._summarize_n(search, runtime, text)
        return {
            "summary": best["summaries"][:, 0],
            "score": best["scores"][:, 0],
            "truncated": best["truncated"],
        }

    def _summarize_n(self, search, runtime, text):
        """Returns the n best summaries of each text, best first."""
        ids, truncated = self._ids(text)
        sequences, scores = self._generated(search, runtime, *self._dense(ids))
        summaries = self.tokenizer.detokenize(tf.reshape(sequences, (-1, sequences.shape[2])))
        return {
            "summaries": tf.reshape(summaries, tf.shape(scores)),
            "scores": scores,
            "truncated": truncated,
        }

    def _generate_ids(self, search, runtime, input_ids, attention_mask):
        """Returns the best output ids of source ids; rows with ids out of range have none."""
        rows = tf.shape(input_ids)[0]
        is_same = tf.reduce_all(tf.shape(input_ids) == tf.shape(attention_mask))
        message = "input_ids and attention_mask must have the same shape"
        with tf.control_dependencies([tf.debugging.Assert(is_same, [message])]):
            mask = tf.cast(attention_mask != 0, tf.int32)
        is_known = (input_ids >= 0) & (input_ids < self._config.vocab_size)
        valid = tf.reduce_all(is_known, axis=1)
        truncated = tf.reduce_any(mask[:, self._buckets.longest :] != 0, axis=1)
        mask = tf.where(valid[:, None], mask, 0)[:, : self._buckets.longest]
        ids = tf.where(valid[:, None], input_ids, self._config.pad_token_id)
        sequences, scores = self._generated(search, runtime, ids[:, : self._buckets.longest], mask)
        return {
            "sequences": tf.reshape(sequences[:, 0], (rows, sequences.shape[2])),
            "scores": scores[:, 0],
            "truncated": truncated,
            "valid": valid,
        }

    def _score(self, document, summary):
        """Returns the log-probability that the model gives each summary of its document."""
        is_same = tf.shape(document)[0] == tf.shape(summary)[0]
        message = "document and summary must have the same number of rows"
        with tf.control_dependencies([tf.debugging.Assert(is_same, [message])]):
            source, source_truncated = self._ids(document)
        target, target_truncated = self._ids(summary, keep_blank=True)
        targets, target_mask = self._dense(target)
        ids, mask = self._dense(source)

        def log_probabilities(ids, mask, targets, target_mask):
            model = self._model
            decoder_ids = model.prepare_decoder_input_ids_from_labels(targets)
            logits = model(ids, attention_mask=mask, decoder_input_ids=decoder_ids).logits
            gains = tf.gather(logits, targets, axis=2, batch_dims=2)
            gains -= tf.reduce_logsumexp(logits, axis=2)
            is_read = tf.reduce_any(mask != 0, axis=1, keepdims=True)
            counts = tf.where(is_read, target_mask, 0)
            return (
                tf.reduce_sum(gains * tf.cast(counts, gains.dtype), axis=1),
                tf.reduce_sum(counts, axis=1),
            )

        sums, tokens = in_parts(
            log_probabilities,
            (ids, mask, targets, target_mask),
            self._buckets.most,
            shapes=((), ()),
            dtypes=(tf.float32, tf.int32),
        )
        return {
            "log_probability": sums,
            "tokens": tokens,
            "truncated": source_truncated | target_truncated,
        }

    def _encode(self, text):
        """Returns the mean of the encoder states over the tokens of each text."""
        ids, truncated = self._ids(text)

        def pooled(ids, mask):
            encoder = self._model.get_encoder()
            states = encoder(ids, attention_mask=mask).last_hidden_state
            weights = tf.cast(mask, tf.float32)
            sums = tf.einsum("btd,bt->bd", tf.cast(states, tf.float32), weights)
            return (sums / tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1.0),)

        (states,) = in_parts(
            pooled,
            self._dense(ids),
            self._buckets.most,
            shapes=((self._config.d_model,),),
            dtypes=(tf.float32,),
        )
        return {"states": states, "truncated": truncated}

    def _tokenize(self, text):
        """Returns the ids that the model reads for each text."""
        ids, truncated = self._ids(text)
        dense, mask = self._dense(ids)
        return {"input_ids": dense, "attention_mask": mask, "truncated": truncated}

    # Texts to ids

    def _ids(self, text, keep_blank=False):
        """Returns ragged ids of texts, and whether each was truncated.

        Blank texts have no ids, or with `keep_blank` the end-of-sequence id alone.
        """
        size = tf.strings.length(text)
        start = tf.zeros_like(size)
        if self.tokenizer.truncation_side == "left":
            start = tf.maximum(size - self._max_text_bytes, 0)
        length = tf.fill(tf.shape(size), self._max_text_bytes)
        ids = self.tokenizer.tokenize(tf.strings.substr(text, start, length))
        lengths = ids.row_lengths()
        truncated = (size > self._max_text_bytes) | (lengths > self._buckets.longest)
        ids = self.tokenizer.truncate(ids, self._buckets.longest)
        if not keep_blank:
            # A text that has eos alone is blank.
            is_read = tf.repeat(lengths > 1, ids.row_lengths())
            ids = tf.ragged.boolean_mask(ids, ids.with_values(is_read))
        return ids, truncated

    def _dense(self, ids):
        """Returns the ids and mask, int32 `(batch, length)`, of ragged ids."""
        return ids.to_tensor(self._config.pad_token_id), tf.ones_like(ids).to_tensor(0)

    # Ids to ids

    def _search(self, jit_compile):
        """Returns the search as one function.

        All signatures of an engine share it, so that each shape is compiled once.
        """
        model, options = self._model, self._options

        def search(input_ids, attention_mask, *runtime):
            runtime = RuntimeOptions(*runtime) if runtime else None
            return model.search(input_ids, attention_mask, options, runtime)

        scalars = _ADJUSTABLE.values() if self._is_adjustable else ()
        return tf.function(
            search,
            # XLA cannot take strings, so only the search, nested in the signature, is compiled.
            jit_compile=jit_compile,
            input_signature=[_MATRIX, _MATRIX, *scalars],
            autograph=False,
        )

    def _checked(self, num_beams, max_length, length_penalty):
        """Returns the runtime options of a request, with assertions that name the input."""
        checks = [
            tf.debugging.Assert(
                (value >= least) & (value <= most),
                [f"{name} must be between {least} and {most}, got", value],
            )
            for name, value, least, most in (
                ("num_beams", num_beams, 1, self._options.num_beams),
                ("max_length", max_length, 2, self._options.max_length),
                ("length_penalty", length_penalty, *LENGTH_PENALTIES),
            )
        ]
        with tf.control_dependencies(checks):
            return RuntimeOptions(*map(tf.identity, (num_beams, max_length, length_penalty)))

    def _generated(self, search, runtime, input_ids, attention_mask):
        """Returns sequences `(batch, n, max_length)` and scores `(batch, n)`.

        Entries without a hypothesis are padded, and their score is below `_UNFILLED`.
        """
        scalars = [value for value in runtime if value is not None]
        places = self._options.num_return_sequences
        width = self._options.max_length

        def generate(ids, mask):
            rows = tf.shape(ids)[0]
            sequences, scores = search(
                *self._buckets.pad(ids, mask, self._config.pad_token_id), *scalars
            )
            sequences = tf.reshape(sequences, (-1, places, width))[:rows]
            return sequences, tf.reshape(scores, (-1, places))[:rows]

        sequences, scores = in_parts(
            generate,
            (input_ids, attention_mask),
            self._buckets.most,
            shapes=((places, width), (places,)),
            dtypes=(tf.int32, tf.float32),
        )
        is_filled = scores > _UNFILLED
        return tf.where(is_filled[..., None], sequences, self._options.pad_token_id), scores
