"""The common part of models with a language-model head: loss, output, Keras training."""

import keras

from tf_pegasus.layers.dense import PegasusDense
from tf_pegasus.layers.unpack_inputs import check_no_strings, gather_inputs
from tf_pegasus.models.losses import masked_cross_entropy
from tf_pegasus.utils.forks import check_not_forked


class LanguageModelMixin:
    """Trains on the built-in loss.

    For a model with `logits` and a `call` that is decorated with `unpack_inputs`.
    """

    # `PegasusDense.structure_changes` when the training step was last traced.
    traced_changes: int | None = None

    def with_logits(self, output_class, outputs, labels, return_dict, training):
        """Builds the output with logits and loss from the output of the bare model.

        Args:
            output_class: class with the fields `loss` and `logits`, followed by the fields of
                `outputs` except for its first.
            outputs: output whose first field is the hidden states, `(batch, length, d_model)`.
            labels: int32 `(batch, length)`, or None.
            return_dict: bool, whether to return an object or a tuple.
            training: bool, whether to smooth the labels.
        """
        logits = self.logits(outputs[0])
        loss = None
        if labels is not None:
            smoothing = self.config.label_smoothing if training else 0.0
            loss = masked_cross_entropy(labels, logits, smoothing)
        rest = dict(list(outputs.items())[1:])
        outputs = output_class(loss=loss, logits=logits, **rest)
        return outputs.in_form(return_dict)

    def fit(self, x=None, y=None, *args, **kwargs):
        """See `keras.Model.fit`; `x` and `y` are ids.

        Raises:
            TypeError: if `x` or `y` are texts.
            RuntimeError: if the call would hang, see `tf_pegasus.utils.forks`.
        """
        check_not_forked("fit")
        check_no_strings("x", x)
        check_no_strings("y", y)
        return super().fit(x, y, *args, **kwargs)

    def make_train_function(self, force=False):
        # A function that was traced before a layer was quantized or got an adapter would continue
        # to train the old weights.
        changes = PegasusDense.structure_changes
        force = force or changes != self.traced_changes
        self.traced_changes = changes
        return super().make_train_function(force)

    def train_step(self, data):
        return super().train_step(self._with_labels_inside(data))

    def test_step(self, data):
        return super().test_step(self._with_labels_inside(data))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the compiled loss of `(labels, logits)`, or the built-in loss without one."""
        if self.loss is None:
            return y_pred[0]
        return super().compute_loss(x, x["labels"], y_pred[1], sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Returns the compiled metrics of `(labels, logits)`."""
        return super().compute_metrics(x, x["labels"], y_pred[1], sample_weight)

    def _with_labels_inside(self, data):
        """Moves `y` into the inputs, from which the decoder's inputs may be made."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        names = type(self).call.input_names
        inputs = gather_inputs(names, x, {"labels": y})
        for name in ("input_ids", "labels"):
            check_no_strings(name, inputs[name])
        if inputs["labels"] is None:
            raise ValueError("labels are missing: pass them inside the inputs or as y")
        present = {name: value for name, value in inputs.items() if value is not None}
        return present, None, sample_weight
