"""Pre-trains a model on files of documents."""

from tf_pegasus.data.rows import Documents
from tf_pegasus.models.pretraining import TFPegasusForPreTraining
from tf_pegasus.pretraining.dataset import pretraining_dataset
from tf_pegasus.training.starting_point import starting_model
from tf_pegasus.training.train import Training, run


def pretrain(arguments):
    """Pre-trains a model, or resumes an interrupted run with the same arguments.

    Args:
        arguments: `PretrainingArguments`.

    Returns:
        dict of lists, Keras' history of the intervals that this call ran.

    Raises:
        As `tf_pegasus.training.train.train`.
    """
    return run(Pretraining, arguments)


class Pretraining(Training):
    """A pre-training in its directory; see `Training`."""

    command = "pretrain"

    def read_rows(self, file, max_samples=None):
        data = self.arguments.data
        return Documents(
            file,
            text_column=data.text_column,
            text_layout=data.text_layout,
            max_samples=max_samples,
            on_error=data.on_error,
        )

    def make_dataset(self, rows, **order):
        # Each validation must be of the same examples.
        remask = order.get("shuffle", True)
        settings = self.arguments.settings
        return pretraining_dataset(rows, self.tokenizer, settings, remask=remask, **order)

    def starting_model(self):
        weight = self.arguments.objective.mlm_loss_weight
        return starting_model(
            self.arguments, self.tokenizer, TFPegasusForPreTraining, mlm_loss_weight=weight
        )
