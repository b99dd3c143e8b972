"""The decoder, from target ids and encoder states to hidden states, at once or step by step."""

import functools
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
    """Inputs that all steps of a generation share, computed once.

    Fields:
        layers: one `FrozenLayer` per layer.
        memories: one `BeamMemory` per layer, or None without a source.
        head_masks, cross_attn_head_masks: one float32 `(heads,)` or None per layer.
        visible: bool `(batch, positions)`, which positions may be attended to, or None for all.
    """

    layers: tuple
    memories: tuple
    head_masks: list
    cross_attn_head_masks: list
    visible: tf.Tensor | None


class DecodedStep(NamedTuple):
    """Output of the decoder for one new position of every beam.

    Fields:
        hidden_states: the embeddings and one tensor per layer, float32 `(batch, beams, d_model)`;
            the last one follows the final layer norm.
        cache: `BeamCache` that includes the new position.
        attentions: one float32 `(batch, heads, beams, slots)` per layer.
        cross_attentions: one float32 `(batch, heads, beams, source_length)` per layer.
    """

    hidden_states: tuple
    cache: BeamCache
    attentions: tuple
    cross_attentions: tuple


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusDecoder(PegasusStack):
    """PEGASUS decoder (Zhang et al., 2020, section 3; pre-layer-norm transformer).

    Args:
        config: `PegasusConfig`, or a dict of its values.
        embed_tokens: `PegasusSharedEmbedding` to share; by default a new one.
        **kwargs: arguments of `keras.layers.Layer`.

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
        """Decodes a batch of given target ids; each position sees itself and those before it.

        Args:
            input_ids: int `(batch, length)`; or a dict, list or tuple of the inputs.
            attention_mask: int or bool `(batch, length)`, nonzero for tokens to attend to,
                including the positions of the cache; `(batch, max_length)` with a `StaticCache`.
            encoder_hidden_states: `(batch, source_length, d_model)`. Without them (and without a
                cache that contains the source) there is no cross-attention.
            encoder_attention_mask: int or bool `(batch, source_length)`.
            head_mask, cross_attn_head_mask: `(layers, heads)`, 0 disables a head.
            past_key_values: the cache that an earlier call returned, or a
                `tf_pegasus.layers.kv_cache.StaticCache`; `input_ids` then hold only the ids that
                follow.
            inputs_embeds: float `(batch, length, d_model)`, instead of `input_ids`.
            use_cache, output_attentions, output_hidden_states, return_dict: bool; default to
                the configuration's values.
            position_ids: int `(batch, length)` or `(length,)`; by default the positions that
                follow those of the cache.
            training: bool, whether to apply dropout.
        Returns:
            `TFBaseModelOutputWithPastAndCrossAttentions`, or a tuple if `return_dict` is False.

        Raises:
            ValueError: if an input is missing, has a wrong shape or dtype, is too long, or holds
                ids outside the vocabulary; or if the cache does not fit, or is full.
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
        """Returns a layer as a function of the hidden states and of the source, if any."""

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
        """Returns one cache of self-attention per layer."""
        if past is None:
            return [GrowingCache(visible)] * len(self.layers)
        if isinstance(past, StaticCache):
            return [StaticLayerCache(visible, *layer[:2], past.length) for layer in past.layers]
        return [GrowingCache(visible, *layer[:2]) for layer in past]

    def _known_memories(self, past, source_mask):
        """Returns each layer's keys and values of the source if a cache has them, else None."""
        layers = past.layers if isinstance(past, StaticCache) else past
        return [
            CrossAttentionMemory(source_mask, *layer[2:]) if len(layer) > 2 else None
            for layer in layers or [()] * len(self.layers)
        ]

    def _check_past(self, past):
        """Raises ValueError if a cache does not fit this decoder."""
        if past is None:
            return
        layers = past.layers if isinstance(past, StaticCache) else past
        if not isinstance(layers, (list, tuple)) or any(
            not isinstance(tensors, (list, tuple)) or len(tensors) not in (2, 4)
            for tensors in layers
        ):
            raise ValueError(
                "past_key_values must be a tuple with one (keys, values, source keys, source "
                f"values) per layer, or a StaticCache, got {type(past).__name__}"
            )
        if len(layers) != len(self.layers):
            raise ValueError(
                f"past_key_values has {len(layers)} layers, the decoder has {len(self.layers)}"
            )
        attention = self.layers[0].self_attn
        shape = (None, attention.num_heads, None, attention.head_dim)
        for tensor in tf.nest.flatten(layers):
            if not tensor.shape.is_compatible_with(shape):
                raise ValueError(
                    f"past_key_values contains a tensor of shape {tuple(tensor.shape)}, expected "
                    f"(batch, heads, length, head_dim) = {shape}"
                )

    def _visible(self, attention_mask, past, start, length):
        """Returns what each position may see: bool, broadcastable to `(batch, 1, length, keys)`."""
        keys = past.max_length if isinstance(past, StaticCache) else start + length
        if isinstance(past, StaticCache):
            _check_room(start + length, keys)
        # A position sees itself and those before it: (1, 1, length, keys)
        queries = start + tf.range(length)
        visible = (queries[:, None] >= tf.range(keys)[None, :])[None, None]
        own = padding_mask(
            attention_mask, "attention_mask", keys if isinstance(keys, int) else None
        )
        return visible if own is None else visible & own

    def init_cache(self, batch_size, max_length, encoder_hidden_states=None):
        """Returns an empty `StaticCache` for `max_length` positions.

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
        """Returns an empty `BeamCache` for `positions` (int) positions."""
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

    def prepare(
        self,
        encoder_hidden_states,
        encoder_attention_mask,
        head_mask=None,
        cross_attn_head_mask=None,
        visible=None,
    ) -> PreparedDecoder:
        """Computes the inputs that all calls of `step` share.

        These are the frozen weights, the keys and values of the source, and the masks.

        Args:
            encoder_hidden_states: float32 `(batch, source_length, d_model)`, or None to skip
                cross-attention.
            encoder_attention_mask: int or bool `(batch, source_length)`.
            head_mask, cross_attn_head_mask: see `call`.
            visible: bool `(batch, positions)`, which positions of the cache may be attended to;
                by default all.
        """
        memories: tuple = (None,) * len(self.layers)
        if encoder_hidden_states is not None:
            mask = padding_mask(encoder_attention_mask, "encoder_attention_mask")
            memories = tuple(
                BeamMemory.of(layer.read_source(encoder_hidden_states, mask))
                for layer in self.layers
            )
        return PreparedDecoder(
            tuple(layer.freeze() for layer in self.layers),
            memories,
            self.head_masks("decoder_head_mask", head_mask),
            self.head_masks("cross_attn_head_mask", cross_attn_head_mask),
            visible,
        )

    def step(self, input_ids, position, cache, prepared) -> DecodedStep:
        """Decodes one new token of every beam.

        Args:
            input_ids: int `(batch, beams)`, with a static number of beams.
            position: int32 scalar, the position of the tokens.
            cache: `BeamCache` with the positions before.
            prepared: see `prepare`.
        """
        # All beams are at the same position, so embed them as rows of one token.
        embedded = self.embed(tf.reshape(input_ids, (-1, 1)), start=position)
        embedded = tf.reshape(embedded, (-1, input_ids.shape[1], self.config.d_model))
        cache, layer_caches = cache.at(position, prepared.visible)
        calls = [
            functools.partial(
                layer,
                cache=own,
                memory=memory,
                frozen=frozen,
                head_mask=heads,
                cross_attn_head_mask=cross_heads,
            )
            for layer, own, memory, frozen, heads, cross_heads in zip(
                self.layers,
                layer_caches,
                prepared.memories,
                prepared.layers,
                prepared.head_masks,
                prepared.cross_attn_head_masks,
                strict=True,
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
    message = "past_key_values is full: init_cache allocated fewer positions than are needed"
    if tf.executing_eagerly():
        if needed > room:
            raise ValueError(f"{message} ({int(room)}, {int(needed)})")
    else:
        tf.debugging.Assert(needed <= room, [message])


def _present(outputs, past, length):
    """Returns the `past_key_values` for the next call."""
    layers = tuple(
        (o.cache.keys, o.cache.values, *(() if o.memory is None else o.memory[1:])) for o in outputs
    )
    return StaticCache(layers, length) if isinstance(past, StaticCache) else layers
