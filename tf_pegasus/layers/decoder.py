"""The decoder: target ids and encoder states to hidden states, all at once or by steps."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_pegasus.layers.beam_cache import BeamCache, BeamMemory
from tf_pegasus.layers.kv_cache import (
    CrossAttentionMemory,
    GrowingCache,
    StaticCache,
    StaticLayerCache,
    past_length,
)
from tf_pegasus.layers.layer import PegasusDecoderLayer
from tf_pegasus.layers.outputs import TFBaseModelOutputWithPastAndCrossAttentions
from tf_pegasus.layers.stack import PegasusStack, padding_mask
from tf_pegasus.layers.unpack_inputs import TensorLike, as_embeddings, unpack_inputs


class PreparedDecoder(NamedTuple):
    """Inputs of every step of one generation, computed once.

    Fields:
        layers: a `FrozenLayer` for each layer.
        memories: a `BeamMemory` for each layer.
    """

    layers: tuple
    memories: tuple


class DecodedStep(NamedTuple):
    """Output of the decoder for one new position of every beam.

    Fields:
        hidden_states: the embeddings and one a layer, float32 `(batch, beams, d_model)`; the
            last is after the final layer norm.
        cache: `BeamCache` with the position in it.
        attentions: one a layer, float32 `(batch, heads, beams, slots)`.
        cross_attentions: one a layer, float32 `(batch, heads, beams, source_length)`.
    """

    hidden_states: tuple
    cache: BeamCache
    attentions: tuple
    cross_attentions: tuple


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusDecoder(PegasusStack):
    """PEGASUS decoder (Zhang et al., 2020, section 3; pre-layer-norm transformer).

    Args:
        config: `PegasusConfig` or a dict that makes one.
        embed_tokens: `PegasusSharedEmbedding` to share; by default a new one.
        **kwargs: of `keras.layers.Layer`.

    Example:
        >>> decoder = TFPegasusDecoder(config)
        >>> decoder(input_ids, encoder_hidden_states=states).last_hidden_state
    """

    layer_class = PegasusDecoderLayer

    @unpack_inputs
    def call(
        self,
        input_ids: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        encoder_hidden_states: TensorLike | None = None,
        encoder_attention_mask: TensorLike | None = None,
        head_mask: TensorLike | None = None,
        cross_attn_head_mask: TensorLike | None = None,
        past_key_values: Any = None,
        inputs_embeds: TensorLike | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        position_ids: TensorLike | None = None,
        training: bool = False,
    ) -> TFBaseModelOutputWithPastAndCrossAttentions | tuple:
        """Decodes a batch of known target ids, each position seeing those before it.

        Args:
            input_ids: int `(batch, length)`; or a dict, list or tuple of the inputs.
            attention_mask: int or bool, nonzero where a token counts: `(batch, length)`
                with the positions of the cache in front; with a `StaticCache`
                `(batch, max_length)`.
            encoder_hidden_states: `(batch, source_length, d_model)`. Without them (and
                without a cache that knows the source) there is no cross-attention.
            encoder_attention_mask: int or bool `(batch, source_length)`.
            head_mask, cross_attn_head_mask: `(layers, heads)`, 0 switches a head off.
            past_key_values: what an earlier call returned, or a
                `tf_pegasus.layers.kv_cache.StaticCache`; `input_ids` then hold only what
                follows.
            inputs_embeds: float `(batch, length, d_model)`, instead of `input_ids`.
            use_cache, output_attentions, output_hidden_states, return_dict: bool; by
                default the configuration's.
            position_ids: int `(batch, length)` or `(length,)`; by default those that
                follow the cache's.
            training: bool, applies dropout.

        Returns:
            `TFBaseModelOutputWithPastAndCrossAttentions`; a tuple where `return_dict` is
            False.

        Raises:
            ValueError: an input is missing, has a wrong shape or dtype, is too long, or
                holds ids outside the vocabulary; the cache does not fit, or has no place.
        """
        past, source = past_key_values, encoder_hidden_states
        self._check_past(past)
        start = past_length(past)
        embedded = self.embed_inputs(input_ids, inputs_embeds, start, position_ids)
        length = embedded.shape[1] or tf.shape(embedded)[1]
        if source is not None:
            source = as_embeddings("encoder_hidden_states", source, self.config.d_model)
        source_mask = padding_mask(
            encoder_attention_mask,
            "encoder_attention_mask",
            None if source is None else source.shape[1],
        )
        caches = self._caches(past, self._visible(attention_mask, past, start, length))
        calls = [
            self._layer_call(layer, cache, known, source_mask, heads, cross_heads, training)
            for layer, cache, known, heads, cross_heads in zip(
                self.layers,
                caches,
                self._known_memories(past, source_mask),
                self.head_masks("head_mask", head_mask),
                self.head_masks("cross_attn_head_mask", cross_attn_head_mask),
                strict=True,
            )
        ]
        is_trained = training and self.gradient_checkpointing
        use_cache = use_cache and not is_trained
        states, outputs = self.run_layers(
            embedded,
            calls,
            *(() if source is None else (source,)),
            recompute=is_trained and not output_attentions,
            training=training,
        )
        has_memory = bool(outputs) and outputs[0].memory is not None
        output = TFBaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=states[-1],
            past_key_values=_present(outputs, past, start + length) if use_cache else None,
            hidden_states=states if output_hidden_states else None,
            attentions=tuple(o.attentions for o in outputs) if output_attentions else None,
            cross_attentions=tuple(o.cross_attentions for o in outputs)
            if output_attentions and has_memory
            else None,
        )
        return output.in_form(return_dict)

    def _layer_call(self, layer, cache, known, source_mask, heads, cross_heads, training):
        """A layer as a function of the hidden states and, where there is one, the source."""

        def call(hidden_states, source=None):
            memory = known
            if memory is None and source is not None:
                memory = layer.read_source(source, source_mask)
            return layer(
                hidden_states,
                cache,
                memory,
                head_mask=heads,
                cross_attn_head_mask=cross_heads,
                training=training,
            )

        return call

    def _caches(self, past, visible):
        """One cache of self-attention a layer."""
        if past is None:
            return [GrowingCache(visible)] * len(self.layers)
        if isinstance(past, StaticCache):
            return [StaticLayerCache(visible, *layer[:2], past.length) for layer in past.layers]
        return [GrowingCache(visible, *layer[:2]) for layer in past]

    def _known_memories(self, past, source_mask):
        """The source's keys and values of each layer if a cache has them, else None."""
        layers = past.layers if isinstance(past, StaticCache) else past
        return [
            CrossAttentionMemory(source_mask, *layer[2:]) if len(layer) > 2 else None
            for layer in layers or [()] * len(self.layers)
        ]

    def _check_past(self, past):
        """Raises ValueError where a cache has another form than this decoder's."""
        if past is None:
            return
        layers = past.layers if isinstance(past, StaticCache) else past
        if not isinstance(layers, (list, tuple)) or any(
            not isinstance(tensors, (list, tuple)) or len(tensors) not in (2, 4)
            for tensors in layers
        ):
            raise ValueError(
                "past_key_values must be a tuple with one (keys, values, source keys, source "
                f"values) a layer, or a StaticCache, got {type(past).__name__}"
            )
        if len(layers) != len(self.layers):
            raise ValueError(
                f"past_key_values is of {len(layers)} layers, the decoder has {len(self.layers)}"
            )
        attention = self.layers[0].self_attn
        shape = (None, attention.num_heads, None, attention.head_dim)
        for tensor in tf.nest.flatten(layers):
            if not tensor.shape.is_compatible_with(shape):
                raise ValueError(
                    f"past_key_values holds a tensor of the shape {tuple(tensor.shape)}, "
                    f"expected (batch, heads, length, head_dim) = {shape}"
                )

    def _visible(self, attention_mask, past, start, length):
        """bool, broadcastable to `(batch, 1, length, keys)`: what each position may see."""
        keys = past.max_length if isinstance(past, StaticCache) else start + length
        if isinstance(past, StaticCache):
            _check_room(start + length, keys)
        # A position sees itself and what stands before it: (1, 1, length, keys)
        queries = start + tf.range(length)
        visible = (queries[:, None] >= tf.range(keys)[None, :])[None, None]
        own = padding_mask(
            attention_mask, "attention_mask", keys if isinstance(keys, int) else None
        )
        return visible if own is None else visible & own

    def init_cache(self, batch_size, max_length, encoder_hidden_states=None):
        """An empty `StaticCache` with place for `max_length` positions.

        Args:
            batch_size, max_length: int or int scalar tensor.
            encoder_hidden_states: `(batch, source_length, d_model)`, or None for a decoder
                without cross-attention.
        """
        attention = self.layers[0].self_attn
        shape = (batch_size, attention.num_heads, max_length, attention.head_dim)
        zeros = tf.zeros(shape, self.compute_dtype)
        layers = []
        for layer in self.layers:
            memory = ()
            if encoder_hidden_states is not None:
                memory = layer.encoder_attn.key_value(encoder_hidden_states)
            layers.append((zeros, zeros, *memory))
        return StaticCache(tuple(layers), tf.constant(0))

    def init_beam_cache(self, batch, beams, positions):
        """An empty `BeamCache` with place for `positions` (int)."""
        attention = self.layers[0].self_attn
        return BeamCache.empty(
            len(self.layers),
            batch,
            beams,
            attention.num_heads,
            positions,
            attention.head_dim,
            self.compute_dtype,
        )

    def prepare(self, encoder_hidden_states, encoder_attention_mask) -> PreparedDecoder:
        """Computes the inputs that all calls of `step` share: weights, and keys and values of the
        source.

        Args:
            encoder_hidden_states: float32 `(batch, source_length, d_model)`.
            encoder_attention_mask: int or bool `(batch, source_length)`.
        """
        mask = padding_mask(encoder_attention_mask, "encoder_attention_mask")
        memories = [layer.read_source(encoder_hidden_states, mask) for layer in self.layers]
        return PreparedDecoder(
            tuple(layer.freeze() for layer in self.layers), tuple(map(BeamMemory.of, memories))
        )

    def step(self, input_ids, position, cache, prepared) -> DecodedStep:
        """Decodes one new token of every beam.

        Args:
            input_ids: int `(batch, beams)`, beams known when a graph is built.
            position: int32 scalar, where the tokens stand.
            cache: `BeamCache` with the positions before.
            prepared: see `prepare`.
        """
        # All beams stand at one position: embed them as rows of one token.
        embedded = self.embed(tf.reshape(input_ids, (-1, 1)), start=position)
        embedded = tf.reshape(embedded, (-1, input_ids.shape[1], self.config.d_model))
        cache, layer_caches = cache.at(position)
        calls = [
            lambda states, layer=layer, own=own, memory=memory, frozen=frozen: layer(
                states, own, memory, frozen=frozen
            )
            for layer, own, memory, frozen in zip(
                self.layers, layer_caches, prepared.memories, prepared.layers, strict=True
            )
        ]
        states, outputs = self.run_layers(embedded, calls)
        return DecodedStep(
            hidden_states=states,
            cache=BeamCache(tuple(o.cache.blocks for o in outputs), cache.ancestors),
            attentions=tuple(o.attentions for o in outputs),
            cross_attentions=tuple(o.cross_attentions for o in outputs),
        )


def _check_room(needed, room):
    message = "past_key_values is full: init_cache made room for fewer positions than are needed"
    if tf.executing_eagerly():
        if needed > room:
            raise ValueError(f"{message} ({int(room)}, {int(needed)})")
    else:
        tf.debugging.Assert(needed <= room, [message])


def _present(outputs, past, length):
    """The `past_key_values` of the next call."""
    layers = tuple(
        (o.cache.keys, o.cache.values, *(() if o.memory is None else o.memory[1:])) for o in outputs
    )
    return StaticCache(layers, length) if isinstance(past, StaticCache) else layers
