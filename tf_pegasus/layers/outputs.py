"""Outputs of the models, accessible by attribute, key and index."""

from collections import OrderedDict

import optree


class ModelOutput(OrderedDict):
    """Ordered mapping of outputs, without entries that are None.

    `output.logits`, `output["logits"]`, `output[0]` and `output.to_tuple()` all work, and fields
    can be assigned as attributes and keys; None removes the entry. The
    attribute of a declared field that is absent is None. Keras (through `optree`) and TensorFlow
    (as a mapping) traverse the tensors inside.
    """

    fields: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        optree.register_pytree_node(
            cls,
            lambda output: (tuple(output.values()), tuple(output), tuple(output)),
            lambda names, values: cls(zip(names, values, strict=True)),
            namespace="keras",
        )

    def __init__(self, *args, **kwargs):
        super().__init__()
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __getattr__(self, name):
        if name in type(self).fields:
            return self.get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name, value):
        if name in type(self).fields:
            self[name] = value
        else:
            super().__setattr__(name, value)

    def __setitem__(self, name, value):
        if name not in self.fields:
            raise TypeError(f"{type(self).__name__} has no field {name!r}")
        if value is None:
            self.pop(name, None)
            return
        super().__setitem__(name, value)
        # A field that was absent takes its place in the order.
        for later in self.fields[self.fields.index(name) + 1 :]:
            if later in self:
                self.move_to_end(later)

    def __getitem__(self, key):
        if isinstance(key, (int, slice)):
            return self.to_tuple()[key]
        return super().__getitem__(key)

    def to_tuple(self):
        """Returns the outputs that are present, in the order of `fields`."""
        return tuple(self.values())

    def in_form(self, return_dict):
        """Returns the object itself, or its tuple if `return_dict` is False."""
        return self if return_dict else self.to_tuple()


class TFBaseModelOutput(ModelOutput):
    """Output of `TFPegasusEncoder` and `encode`.

    Fields:
        last_hidden_state: float32 `(batch, length, d_model)`.
        hidden_states: with `output_hidden_states`: float32 tensors of the same shape, the
            embeddings and one per layer; the last is `last_hidden_state`.
        attentions: with `output_attentions`: one float32 `(batch, heads, length, length)` per
            layer.
    """

    fields = ("last_hidden_state", "hidden_states", "attentions")


class TFBaseModelOutputWithPastAndCrossAttentions(ModelOutput):
    """Output of `TFPegasusDecoder` and of `TFPegasusModel.decode`.

    Fields:
        last_hidden_state: float32 `(batch, length, d_model)`.
        past_key_values: with `use_cache`: the cache for the next call, see
            `tf_pegasus.layers.kv_cache`.
        hidden_states: with `output_hidden_states`: the embeddings and one per layer.
        attentions: with `output_attentions`: one float32 `(batch, heads, length, all_length)` per
            layer.
        cross_attentions: the same, `(batch, heads, length, source_length)`.
    """

    fields = (
        "last_hidden_state",
        "past_key_values",
        "hidden_states",
        "attentions",
        "cross_attentions",
    )


class TFSeq2SeqModelOutput(ModelOutput):
    """Output of `TFPegasusModel`.

    Fields:
        last_hidden_state: float32 `(batch, target_length, d_model)`, of the decoder.
        past_key_values, decoder_hidden_states, decoder_attentions, cross_attentions: see
            `TFBaseModelOutputWithPastAndCrossAttentions`.
        encoder_last_hidden_state: float32 `(batch, source_length, d_model)`.
        encoder_hidden_states, encoder_attentions: see `TFBaseModelOutput`.
    """

    fields = (
        "last_hidden_state",
        "past_key_values",
        "decoder_hidden_states",
        "decoder_attentions",
        "cross_attentions",
        "encoder_last_hidden_state",
        "encoder_hidden_states",
        "encoder_attentions",
    )


class TFSeq2SeqLMOutput(ModelOutput):
    """Output of `TFPegasusForConditionalGeneration`.

    Fields:
        loss: float32 `(1,)`, present if labels were passed.
        logits: float32 `(batch, target_length, vocab_size)`.
        Other fields: see `TFSeq2SeqModelOutput`.
    """

    fields = ("loss", "logits", *TFSeq2SeqModelOutput.fields[1:])


class TFPegasusForPreTrainingOutput(ModelOutput):
    """Output of `TFPegasusForPreTraining`.

    Fields:
        loss: float32 `(1,)`, the sum of both losses, of those whose labels were passed.
        logits: float32 `(batch, target_length, vocab_size)`, of the decoder.
        mlm_logits: with `mlm_labels`: float32 `(masked, vocab_size)`, of the tokens whose labels
            are not -100, row by row.
        Other fields: see `TFSeq2SeqModelOutput`.
    """

    fields = ("loss", "logits", "mlm_logits", *TFSeq2SeqModelOutput.fields[1:])


class TFCausalLMOutputWithCrossAttentions(ModelOutput):
    """Output of `TFPegasusForCausalLM`, and of `TFPegasusForConditionalGeneration.decode`.

    Fields:
        loss: float32 `(1,)`, present if labels were passed.
        logits: float32 `(batch, length, vocab_size)`.
        Other fields: see `TFBaseModelOutputWithPastAndCrossAttentions`.
    """

    fields = (
        "loss",
        "logits",
        "past_key_values",
        "hidden_states",
        "attentions",
        "cross_attentions",
    )


def as_encoder_output(encoder_outputs):
    """Converts the output of an encoder to a `TFBaseModelOutput`.

    Args:
        encoder_outputs: a `TFBaseModelOutput`, a tuple of its entries, or the hidden states.
    """
    if isinstance(encoder_outputs, TFBaseModelOutput):
        return encoder_outputs
    if hasattr(encoder_outputs, "keys"):
        return TFBaseModelOutput(encoder_outputs)
    if isinstance(encoder_outputs, (list, tuple)):
        return TFBaseModelOutput(zip(TFBaseModelOutput.fields, encoder_outputs, strict=False))
    return TFBaseModelOutput(last_hidden_state=encoder_outputs)
