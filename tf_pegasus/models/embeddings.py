"""Embeddings of a model: reading, replacing and resizing them."""

import tensorflow as tf

from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.utils.compat import replace_weight


class EmbeddingsMixin:
    """For a model with `config`, stacks and perhaps an output bias."""

    def get_input_embeddings(self):
        """Returns the `PegasusSharedEmbedding` of encoder, decoder and output."""
        return self.get_decoder().embed_tokens

    def get_output_embeddings(self):
        """Returns the table of logits: the same embedding, unless the output is not tied to it."""
        head = getattr(self, "lm_head", None)
        return self.get_input_embeddings() if head is None else head

    def set_input_embeddings(self, value):
        """Replaces the embeddings by others with any number of rows.

        Input and output stay tied; an output that is not tied only gets as many rows.

        Args:
            value: float `(rows, d_model)`, or a layer with such `embeddings`.

        Raises:
            ValueError: if the width is not `d_model`.
        """
        self._set_embeddings(self.get_input_embeddings(), value)

    def set_output_embeddings(self, value):
        """Replaces the table of logits; see `set_input_embeddings`."""
        self._set_embeddings(self.get_output_embeddings(), value)

    def _set_embeddings(self, table, value):
        value = getattr(value, "embeddings", value)
        value = tf.convert_to_tensor(getattr(value, "value", value))
        if value.shape.rank != 2 or value.shape[1] != self.config.d_model:
            raise ValueError(
                f"value has the shape {tuple(value.shape)}, expected (rows, d_model="
                f"{self.config.d_model})"
            )
        self.resize_token_embeddings(value.shape[0])
        table.embeddings.assign(value)

    def _embeddings(self):
        """Returns the tables of input and output, which are usually the same."""
        return {
            id(t): t for t in (self.get_input_embeddings(), self.get_output_embeddings())
        }.values()

    def get_bias(self):
        """Returns the output's biases by name, or None if the model has none."""
        bias = getattr(self, "final_logits_bias", None)
        return None if bias is None else {"final_logits_bias": bias}

    def set_bias(self, value):
        """Sets `{"final_logits_bias": float (1, vocab_size)}`.

        Raises:
            ValueError: if the name or shape is different, or the model has no bias.
        """
        if self.get_bias() is None or set(value) != {"final_logits_bias"}:
            raise ValueError(f"value has {sorted(value)}, this model has {self.get_bias()}")
        bias = tf.convert_to_tensor(value["final_logits_bias"])
        if tuple(bias.shape) != (1, self.config.vocab_size):
            raise ValueError(
                f"final_logits_bias has the shape {tuple(bias.shape)}, expected (1, vocab_size="
                f"{self.config.vocab_size})"
            )
        self.final_logits_bias.assign(bias)

    def resize_token_embeddings(self, new_num_tokens=None):
        """Changes the size of the vocabulary, in the embedding and in the output.

        Remaining rows keep their values; new ones are initialized like those of an untrained
        model, with a bias of 0. Compile the model afterwards, not before.

        Args:
            new_num_tokens: int; None keeps the size.

        Returns:
            The `PegasusSharedEmbedding`.

        Raises:
            ValueError: if the size is too small for the special tokens.
        """
        embedding = self.get_input_embeddings()
        if new_num_tokens is None or new_num_tokens == self.config.vocab_size:
            return embedding
        # Checks the new size against the ids in the configuration.
        PegasusConfig.from_dict(self.config.to_dict(), vocab_size=new_num_tokens)
        for table in self._embeddings():
            table.resize(new_num_tokens)
        if self.get_bias() is not None:
            bias = self.final_logits_bias.value[:, :new_num_tokens]
            missing = new_num_tokens - bias.shape[1]
            replace_weight(self, "final_logits_bias", tf.pad(bias, [[0, 0], [0, missing]]))
        for config in self._configs():
            config.vocab_size = new_num_tokens
        self.clear_programs()
        # The optimizer's state has the old shape.
        self.compiled = False
        return embedding

    def resize_position_embeddings(self, new_num_position_embeddings):
        """Changes the number of tokens that encoder and decoder accept.

        Positions are computed, not learnt, so that no weight changes.

        Raises:
            ValueError: if it is not a positive int.
        """
        size = new_num_position_embeddings
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"new_num_position_embeddings={size!r} must be a positive int")
        for config in self._configs():
            config.max_position_embeddings = size
        for stack in self.get_stacks().values():
            stack.resize_position_embeddings(size)
        self.clear_programs()

    def get_position_embeddings(self):
        """Returns the tables of encoder and decoder, float32 `(positions, d_model)` each."""
        return tuple(stack.embed_positions.table for stack in self.get_stacks().values())

    def _configs(self):
        owners = (self, self.get_base_model(), *self.get_stacks().values())
        return {id(owner.config): owner.config for owner in owners}.values()
