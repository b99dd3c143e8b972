"""The common base of encoder and decoder: embeddings, layers and a final layer norm."""

import math

import keras
import tensorflow as tf

from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.layers.activations import activation_name
from tf_pegasus.layers.embeddings import (
    PegasusSharedEmbedding,
    PegasusSinusoidalPositionalEmbedding,
)
from tf_pegasus.layers.freezing import (
    freeze_if_constructed_so,
    freeze_weights,
    frozen_weights,
)
from tf_pegasus.layers.layer import LayerDrop, PegasusLayer, layer_norm, residual_dropout
from tf_pegasus.layers.recompute import recomputed
from tf_pegasus.layers.unpack_inputs import as_embeddings, as_ids, output_shapes
from tf_pegasus.utils.compat import name_scope


class PegasusStack(keras.layers.Layer):
    """Embeds ids and runs the layers and the final layer normalization.

    Subclasses define the `layer_class`.

    Stacks that share an embedding still share it after saving and loading as `.keras`. Only
    `keras.models.clone_model`, which clones layer by layer, gives each its own copy: clone a
    `TFPegasusModel` instead. `trainable=False` also freezes a shared embedding.

    Args:
        config: `PegasusConfig`, or a dict of its values.
        embed_tokens: `PegasusSharedEmbedding` to share; by default a new one.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    layer_class: type[PegasusLayer]

    def __init__(self, config, embed_tokens=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config = as_config(config)
        with name_scope(self):
            self._make_parts(config, embed_tokens)
        self.built = True
        freeze_if_constructed_so(self)

    def _make_parts(self, config, embed_tokens):
        self.owns_embedding = embed_tokens is None
        self.embed_tokens = shared_embedding(config) if embed_tokens is None else embed_tokens
        self.embed_positions = self._position_embedding()
        self.embed_scale = math.sqrt(config.d_model) if config.scale_embedding else 1.0
        self.dropout = residual_dropout(config)
        side = self.layer_class.side
        self.layers = [
            self.layer_class(config, dtype=self.dtype_policy, name=f"layers_{i}")
            for i in range(getattr(config, f"{side}_layers"))
        ]
        self.layerdrop = LayerDrop(getattr(config, f"{side}_layerdrop"), dtype="float32")
        self.layer_norm = layer_norm(config, "layer_norm")
        self.gradient_checkpointing = False
        for layer in (self.embed_tokens, *self.layers):
            if not layer.built:
                layer.build()

    def _position_embedding(self):
        return PegasusSinusoidalPositionalEmbedding(
            self.config.max_position_embeddings,
            self.config.d_model,
            self.config.position_embedding_type,
            dtype="float32",
        )

    def resize_position_embeddings(self, new_num_position_embeddings):
        """Resizes the position embeddings to `new_num_position_embeddings` tokens."""
        self.config.max_position_embeddings = new_num_position_embeddings
        self.embed_positions.resize(new_num_position_embeddings)

    def embed(self, input_ids, start=0, position_ids=None):
        """Embeds ids at the positions start, start + 1, …, or at `position_ids`.

        Args:
            input_ids: int `(batch, length)`.
            start: int or int scalar tensor.
            position_ids: int `(batch, length)` or `(length,)`, or None.

        Returns:
            float32 `(batch, length, d_model)`.
        """
        embedded = self.embed_tokens(input_ids) * self.embed_scale
        return self.embed_positions(embedded, start=start, position_ids=position_ids)

    def embed_inputs(self, input_ids, inputs_embeds, start=0, position_ids=None):
        """Embeds ids, or adds positions to `inputs_embeds`; see `embed`.

        Raises:
            ValueError: if both or none of the two are given.
        """
        if input_ids is not None and inputs_embeds is not None:
            raise ValueError("input_ids and inputs_embeds exclude each other: give only one")
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError(
                    "input_ids is missing: give integers of the shape (batch, length), or "
                    "inputs_embeds"
                )
            return self.embed(as_ids("input_ids", input_ids), start, position_ids)
        # As in `transformers`' TensorFlow classes, `inputs_embeds` are not scaled.
        embedded = as_embeddings("inputs_embeds", inputs_embeds, self.config.d_model)
        return self.embed_positions(embedded, start=start, position_ids=position_ids)

    def run_layers(self, embedded, calls, *sources, recompute=False, training=False):
        """Runs all layers, and the final layer normalization.

        Args:
            embedded: float32 `(batch, length, d_model)`.
            calls: list with one function per layer, which takes the hidden states and `sources` and
                returns a `LayerOutput`.
            *sources: further tensors that a gradient must flow to.
            recompute: bool, keep only the outputs of the layers, and recompute their activations
                for the gradient.
            training: bool, whether to apply dropout.

        Returns:
            A tuple of the embeddings and one tensor per layer, float32 `(batch, length, d_model)`,
            of which the last follows the layer normalization; and the list of `LayerOutput`s, which
            is empty with `recompute`.
        """
        hidden_states = self.dropout(embedded, training=training)
        states, outputs = [hidden_states], []
        for layer, call in zip(self.layers, calls, strict=True):
            if recompute:
                # Unused outputs would also be kept, for the shapes of their gradients.
                after = recomputed(
                    layer, lambda *inner, call=call: call(*inner)[0], hidden_states, *sources
                )
            else:
                outputs.append(call(hidden_states, *sources))
                after = outputs[-1].hidden_states
            hidden_states = self.layerdrop(hidden_states, after, training=training)
            states.append(hidden_states)
        states[-1] = self.layer_norm(hidden_states, training=training)
        return tuple(states), outputs

    def head_masks(self, name, mask):
        """Splits a head mask `(layers, heads)` by layer; None gives one None per layer.

        Raises:
            ValueError: if the mask has another shape.
        """
        if mask is None:
            return [None] * len(self.layers)
        mask = tf.convert_to_tensor(mask)
        shape = (len(self.layers), self.layers[0].self_attn.num_heads)
        if not mask.shape.is_compatible_with(shape):
            raise ValueError(
                f"{name} has the shape {tuple(mask.shape)}, expected (layers, heads) = {shape}"
            )
        return tf.unstack(tf.cast(mask, tf.float32), num=shape[0])

    def compute_output_spec(self, *args, **kwargs):
        # Keras' layers would guess from `compute_output_shape`, without the arguments.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, input_shape):
        """Returns the shapes of the outputs for inputs of the shapes `input_shape`."""
        return output_shapes(self, input_shape)

    def freeze_layers(self):
        """Freezes the layers and the final layer normalization, but not the embedding.

        `trainable = False` also freezes the embedding, which encoder, decoder and output share.
        """
        for layer in (*self.layers, self.layer_norm):
            layer.trainable = False

    def get_config(self):
        config = {
            **super().get_config(),
            "config": self.config.to_dict(),
            "frozen": frozen_weights(self),
        }
        if not self.owns_embedding:
            # Keras marks shared objects only from their second occurrence on: without the mark,
            # encoder and decoder would be loaded with separate embeddings.
            config["embed_tokens"] = {
                **keras.saving.serialize_keras_object(self.embed_tokens),
                "shared_object_id": id(self.embed_tokens),
            }
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("embed_tokens"), dict):
            config["embed_tokens"] = keras.saving.deserialize_keras_object(config["embed_tokens"])
        frozen = config.pop("frozen", ())
        stack = cls(**config)
        freeze_weights(stack, frozen)
        return stack


def as_config(config):
    """Returns a `PegasusConfig`, which may be given as a dict of its values.

    Its activation is a name, also where a function was given.
    """
    config = PegasusConfig.from_dict(config) if isinstance(config, dict) else config
    if callable(getattr(config, "activation_function", None)):
        return config.updated(activation_function=activation_name(config.activation_function))
    return config


def shared_embedding(config):
    """Returns the token embedding that `config` describes, built."""
    embedding = PegasusSharedEmbedding(
        config.vocab_size,
        config.d_model,
        config.init_std,
        config.pad_token_id,
        dtype="float32",
        name="shared",
    )
    embedding.build()
    return embedding


def output_head(config):
    """Returns the table of logits that `config` describes, built; None if it is the embedding."""
    if config.tie_word_embeddings:
        return None
    head = PegasusSharedEmbedding(
        config.vocab_size, config.d_model, config.init_std, None, dtype="float32", name="lm_head"
    )
    head.build()
    return head


def padding_mask(attention_mask, name="attention_mask", length=None):
    """Converts `(batch, keys)`, nonzero for tokens to attend to, to bool `(batch, 1, 1, keys)`."""
    if attention_mask is None:
        return None
    attention_mask = tf.convert_to_tensor(attention_mask)
    if attention_mask.shape.rank != 2:
        raise ValueError(
            f"{name} must have the shape (batch, length), got {tuple(attention_mask.shape)}"
        )
    if length is not None and not attention_mask.shape[1:].is_compatible_with([length]):
        raise ValueError(f"{name} has {attention_mask.shape[1]} columns for {length} tokens")
    return tf.not_equal(attention_mask, tf.zeros((), attention_mask.dtype))[:, None, None, :]
