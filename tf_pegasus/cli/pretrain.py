"""`tf-pegasus pretrain`."""

from tf_pegasus.cli.train import settings_of, settings_parser
from tf_pegasus.training.pretraining_config import PretrainingArguments

DESCRIPTION = "Pre-train a model on documents; repeat the command to resume."


def build_parser(prog):
    return settings_parser(prog, DESCRIPTION, PretrainingArguments)


def run(arguments):
    from tf_pegasus.utils.backend import load_backend

    settings = settings_of(arguments, PretrainingArguments)
    load_backend()
    from tf_pegasus.training.pretrain import pretrain

    pretrain(settings)
