"""The decoder: target ids and encoder states to hidden states, all at once or by steps."""

import functools
from typing import NamedTuple

import keras
import tensorflow as tf

from tf_pegasus.layers.activations import ACTIVATIONS
from tf_pegasus.layers.attention import PegasusAttention
from tf_pegasus.layers.beam_attention import attend_to, attend_to_blocks
from tf_pegasus.layers.beam_cache import (
    HIDDEN,
    BeamCache,
    empty_beam_cache,
    own_slots,
    views,
    write,
)
from tf_pegasus.layers.blocks import PegasusFeedForward, layer_norm, residual_dropout
from tf_pegasus.layers.half_precision import finite
from tf_pegasus.layers.kv_cache import StaticCache, extend, past_length
from tf_pegasus.layers.outputs import TFBaseModelOutputWithPastAndCrossAttentions
from tf_pegasus.layers.projection import Projection
from tf_pegasus.layers.stack import PegasusStack, padding_mask
from tf_pegasus.layers.unpack_inputs import as_embeddings, flag, named_inputs


def _check_room(needed, room):
    message = "past_key_values is full: init_cache was asked for fewer positions than are needed"
    if tf.executing_eagerly():
        if needed > room:
            raise ValueError(f"{message} ({int(room)}, {int(needed)})")
    else:
        tf.debugging.Assert(needed <= room, [message])


class PegasusDecoderLayer(keras.layers.Layer):
    """Self-attention, cross-attention and feed-forward, each behind a layer norm and inside
    a residual."""

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        attention = {
            "embed_dim": config.d_model,
            "num_heads": config.decoder_attention_heads,
            "dropout": config.attention_dropout,
            "init_std": config.init_std,
            "dtype": self.dtype_policy,
        }
        self.self_attn = PegasusAttention(**attention, name="self_attn")
        self.self_attn_layer_norm = layer_norm(config, "self_attn_layer_norm")
        self.encoder_attn = PegasusAttention(**attention, name="encoder_attn")
        self.encoder_attn_layer_norm = layer_norm(config, "encoder_attn_layer_norm")
        self.feed_forward = PegasusFeedForward(
            config.decoder_ffn_dim,
            config.d_model,
            config.activation_function,
            config.activation_dropout,
            config.init_std,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.final_layer_norm = layer_norm(config, "final_layer_norm")
        self.dropout = residual_dropout(config)

    def build(self, input_shape=None):
        for layer in (self.self_attn, self.encoder_attn, self.feed_forward):
            layer.build()
        self.built = True

    def call(
        self,
        hidden_states,
        encoder_hidden_states=None,
        attention_mask=None,
        encoder_attention_mask=None,
        head_mask=None,
        cross_attn_head_mask=None,
        past_key_value=None,
        write_at=None,
        training=False,
    ):
        """Runs known positions at once, behind those in the cache.

        Args:
            hidden_states: float32 `(batch, length, d_model)`.
            encoder_hidden_states: float32 `(batch, source_length, d_model)`; None leaves
                the cross-attention out, or takes its keys and values from the cache.
            attention_mask: bool, broadcastable to `(batch, 1, length, all_length)`.
            encoder_attention_mask: bool, broadcastable to `(batch, 1, 1, source_length)`.
            head_mask, cross_attn_head_mask: `(heads,)` or None.
            past_key_value: this layer's part of the cache, or None.
            write_at: int32 scalar tensor, where to write in a static cache; None lets the
                cache grow.
            training: bool.

        Returns:
            float32 `(batch, length, d_model)`; the weights of self- and cross-attention
            (None without); this layer's part of the new cache.
        """
        attention = self.self_attn
        normed = self.self_attn_layer_norm(hidden_states)
        keys, values = extend(past_key_value, *attention.key_value(normed), write_at)
        attended, weights = attention.attend(
            attention.query(normed), keys, values, attention_mask, head_mask, training
        )
        hidden_states += self.dropout(attended, training=training)
        present = (keys, values)
        cross, cross_weights = self._source(encoder_hidden_states, past_key_value), None
        if cross is not None:
            hidden_states, cross_weights = self._attend_to_source(
                hidden_states, cross, encoder_attention_mask, cross_attn_head_mask, training
            )
            present += cross
        return self._feed(hidden_states, training), weights, cross_weights, present

    def _source(self, encoder_hidden_states, past_key_value):
        """The source's keys and values: from the cache, else computed, else None."""
        if past_key_value is not None and len(past_key_value) > 2:
            return tuple(past_key_value[2:])
        if encoder_hidden_states is None:
            return None
        return self.encoder_attn.key_value(encoder_hidden_states)

    def _attend_to_source(self, hidden_states, cross, mask, head_mask=None, training=False):
        query = self.encoder_attn.query(self.encoder_attn_layer_norm(hidden_states))
        attended, weights = self.encoder_attn.attend(query, *cross, mask, head_mask, training)
        return hidden_states + self.dropout(attended, training=training), weights

    def _feed(self, hidden_states, training=False):
        fed = self.feed_forward(self.final_layer_norm(hidden_states), training=training)
        return hidden_states + self.dropout(fed, training=training)

    def projections(self):
        """The weights of `step`, made ready: a `StepProjections`."""
        own, cross = self.self_attn, self.encoder_attn
        feed = self.feed_forward
        return StepProjections(
            *map(Projection.of, (own.q_proj, own.k_proj, own.v_proj, own.out_proj)),
            *map(Projection.of, (cross.q_proj, cross.out_proj, feed.fc1, feed.fc2)),
        )

    def step(self, hidden_states, projections, blocks, views, source):
        """Runs one new position of every beam.

        Args:
            hidden_states: float32 `(batch, beams, d_model)`.
            projections: see `projections`.
            blocks, views: this layer's cache, see `tf_pegasus.layers.beam_cache`.
            source: this layer's keys, values and mask of the source, see
                `TFPegasusDecoder.prepare`; the beams share them.

        Returns:
            `StepOutput`.
        """
        normed = self.self_attn_layer_norm(hidden_states)
        query, keys, values = (
            self._split_heads(projection(normed))
            for projection in (projections.query, projections.key, projections.value)
        )
        new = (tf.transpose(keys, (0, 1, 3, 2)), values)
        blocks = tuple(write(block, view, *new) for block, view in zip(blocks, views, strict=True))
        context, own_weights = attend_to_blocks(self._scaled(query), blocks, views)
        hidden_states += projections.out(self._joined(context))
        query = self._split_heads(
            projections.cross_query(self.encoder_attn_layer_norm(hidden_states))
        )
        part = attend_to(self._scaled(query), *source)
        hidden_states += projections.cross_out(self._joined(part.context))
        activation = ACTIVATIONS[self.feed_forward.activation]
        fed = projections.second(
            activation(projections.first(self.final_layer_norm(hidden_states)))
        )
        return StepOutput(hidden_states + fed, blocks, own_weights, part.weights)

    def _split_heads(self, states):
        """float32 `(batch, beams, d_model)` to `(batch, heads, beams, head_dim)` in the compute
        dtype."""
        heads = (self.self_attn.num_heads, self.self_attn.head_dim)
        states = finite(tf.cast(states, self.compute_dtype))
        split = tf.reshape(states, (-1, states.shape[1], *heads))
        return tf.transpose(split, (0, 2, 1, 3))

    def _scaled(self, query):
        return query * tf.cast(self.self_attn.head_dim**-0.5, query.dtype)

    def _joined(self, context):
        # (batch, heads, beams, head_dim) -> (batch, beams, d_model)
        context = tf.transpose(context, (0, 2, 1, 3))
        return tf.reshape(context, (-1, context.shape[1], self.self_attn.embed_dim))


class StepProjections(NamedTuple):
    """The products of one layer in `PegasusDecoderLayer.step`."""

    query: Projection
    key: Projection
    value: Projection
    out: Projection
    cross_query: Projection
    cross_out: Projection
    first: Projection
    second: Projection


class StepOutput(NamedTuple):
    """What one layer makes of one new position of every beam.

    Fields:
        hidden_states: float32 `(batch, beams, d_model)`.
        blocks: the layer's cache with the position in it.
        attentions: float32 `(batch, heads, beams, slots)`, the weights of self-attention.
        cross_attentions: float32 `(batch, heads, beams, source_length)`.
    """

    hidden_states: tf.Tensor
    blocks: tuple
    attentions: tf.Tensor
    cross_attentions: tf.Tensor


class DecodedStep(NamedTuple):
    """What the decoder makes of one new position of every beam.

    Fields:
        hidden_states: the embeddings and one a layer, float32 `(batch, beams, d_model)`; the
            last is behind the final layer norm.
        cache: `BeamCache` with the position in it.
        attentions, cross_attentions: one a layer, see `StepOutput`.
    """

    hidden_states: tuple
    cache: BeamCache
    attentions: tuple
    cross_attentions: tuple


class Prepared(NamedTuple):
    """What every step of one generation needs, made once.

    Fields:
        projections: a `StepProjections` for each layer.
        sources: `(keys, values, mask)` for each layer.
    """

    projections: tuple
    sources: tuple


DECODER_INPUT_NAMES = (
    "input_ids",
    "attention_mask",
    "encoder_hidden_states",
    "encoder_attention_mask",
    "head_mask",
    "cross_attn_head_mask",
    "past_key_values",
    "inputs_embeds",
    "use_cache",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "position_ids",
)


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

    side = "decoder"
    layer_class = PegasusDecoderLayer

    def call(
        self,
        input_ids=None,
        attention_mask=None,
        encoder_hidden_states=None,
        encoder_attention_mask=None,
        head_mask=None,
        cross_attn_head_mask=None,
        past_key_values=None,
        inputs_embeds=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
        position_ids=None,
        training=False,
    ):
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
        inputs = named_inputs(
            DECODER_INPUT_NAMES,
            input_ids,
            attention_mask=attention_mask,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            head_mask=head_mask,
            cross_attn_head_mask=cross_attn_head_mask,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
            position_ids=position_ids,
        )
        config = self.config
        wants_attentions = flag(inputs["output_attentions"], config.output_attentions)
        wants_cache = flag(inputs["use_cache"], config.use_cache) and not (
            training and self.gradient_checkpointing
        )
        past = inputs["past_key_values"]
        source = inputs["encoder_hidden_states"]
        if source is not None:
            source = as_embeddings("encoder_hidden_states", source, config.d_model)
        start = self._check_past(past)
        embedded = self.embed_inputs(
            inputs["input_ids"],
            inputs["inputs_embeds"],
            ("input_ids", "inputs_embeds"),
            start,
            inputs["position_ids"],
        )
        length = embedded.shape[1] or tf.shape(embedded)[1]
        is_static = isinstance(past, StaticCache)
        options = {
            "attention_mask": self._visible(inputs["attention_mask"], past, start, length),
            "encoder_attention_mask": padding_mask(
                inputs["encoder_attention_mask"],
                "encoder_attention_mask",
                None if source is None else source.shape[1],
            ),
            "write_at": start if is_static else None,
            "training": training,
        }
        masks = zip(
            self.head_masks("head_mask", inputs["head_mask"]),
            self.head_masks("cross_attn_head_mask", inputs["cross_attn_head_mask"]),
            strict=True,
        )
        layers_past = (past.layers if is_static else past) or [None] * len(self.layers)
        forget = training and not (wants_cache or wants_attentions)
        hidden_states = self.dropout(embedded, training=training)
        all_states, others = [hidden_states], []
        for layer, layer_past, (own_heads, cross_heads) in zip(
            self.layers, layers_past, masks, strict=True
        ):
            call = functools.partial(
                layer,
                head_mask=own_heads,
                cross_attn_head_mask=cross_heads,
                past_key_value=layer_past,
                **options,
            )
            tensors = (hidden_states,) if source is None else (hidden_states, source)
            after, rest = self.run_layer(layer, call, *tensors, forget=forget)
            hidden_states = self.layerdrop(hidden_states, after, training=training)
            all_states.append(hidden_states)
            others.append(rest)
        all_states[-1] = self.layer_norm(hidden_states)
        wants_states = flag(inputs["output_hidden_states"], config.output_hidden_states)
        outputs = TFBaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=all_states[-1],
            hidden_states=tuple(all_states) if wants_states else None,
        )
        if not forget:
            attentions, cross_attentions, presents = zip(*others, strict=True)
            outputs = TFBaseModelOutputWithPastAndCrossAttentions(
                outputs,
                past_key_values=self._present(presents, past, start + length, wants_cache),
                attentions=attentions if wants_attentions else None,
                cross_attentions=cross_attentions
                if wants_attentions and cross_attentions[0] is not None
                else None,
            )
        return outputs.in_form(flag(inputs["return_dict"], config.return_dict))

    def _present(self, presents, past, length, wants_cache):
        if not wants_cache:
            return None
        return StaticCache(presents, length) if isinstance(past, StaticCache) else presents

    def _check_past(self, past):
        """How many positions a cache holds, after a look at its form."""
        if past is None:
            return 0
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
        return past_length(past)

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

    def cross_key_values(self, encoder_hidden_states):
        """Each layer's keys and values of the source, `(batch, heads, source, head_dim)`."""
        return tuple(layer.encoder_attn.key_value(encoder_hidden_states) for layer in self.layers)

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
        source = [()] * len(self.layers)
        if encoder_hidden_states is not None:
            source = self.cross_key_values(encoder_hidden_states)
        layers = tuple((zeros, zeros, *cross) for cross in source)
        return StaticCache(layers, tf.constant(0))

    def init_beam_cache(self, batch, beams, positions):
        """An empty `BeamCache` with place for `positions` (int)."""
        attention = self.layers[0].self_attn
        return empty_beam_cache(
            len(self.layers),
            batch,
            beams,
            attention.num_heads,
            positions,
            attention.head_dim,
            self.compute_dtype,
        )

    def prepare(self, encoder_hidden_states, encoder_attention_mask):
        """Makes ready what `step` needs: weights, and the source as keys and values.

        Args:
            encoder_hidden_states: float32 `(batch, source_length, d_model)`.
            encoder_attention_mask: int or bool `(batch, source_length)`.

        Returns:
            `Prepared`.
        """
        seen = padding_mask(encoder_attention_mask, "encoder_attention_mask")
        mask = tf.where(seen, 0.0, HIDDEN)
        return Prepared(
            tuple(layer.projections() for layer in self.layers),
            tuple(
                (tf.transpose(keys, (0, 1, 3, 2)), values, mask)
                for keys, values in self.cross_key_values(encoder_hidden_states)
            ),
        )

    def step(self, input_ids, position, cache, prepared):
        """Decodes one new token of every beam.

        Args:
            input_ids: int `(batch, beams)`, beams known when a graph is built.
            position: int32 scalar, where the tokens stand.
            cache: `BeamCache` with the positions before.
            prepared: see `prepare`.

        Returns:
            `DecodedStep`.
        """
        # All beams stand at one position: embed them as rows of one token.
        embedded = self.embed(tf.reshape(input_ids, (-1, 1)), start=position)
        hidden_states = tf.reshape(embedded, (-1, input_ids.shape[1], self.config.d_model))
        origins = own_slots(cache.origins, position)
        block_views = views(origins, position)
        states, outputs = [hidden_states], []
        for layer, projections, blocks, source in zip(
            self.layers, prepared.projections, cache.layers, prepared.sources, strict=True
        ):
            outputs.append(layer.step(states[-1], projections, blocks, block_views, source))
            states.append(outputs[-1].hidden_states)
        states[-1] = self.layer_norm(states[-1])
        return DecodedStep(
            hidden_states=tuple(states),
            cache=BeamCache(tuple(output.blocks for output in outputs), origins),
            attentions=tuple(output.attentions for output in outputs),
            cross_attentions=tuple(output.cross_attentions for output in outputs),
        )
