"""Which parts of a model are trained."""


def choose_trained_parts(model, arguments):
    """Freezes parts of a model, or adds adapters and freezes the rest.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        arguments: `TrainingArguments`.

    Raises:
        ValueError: if nothing would be trained, or `lora_targets` has an unknown name.
    """
    if arguments.model.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    if arguments.lora.rank is not None:
        targets = [name.strip() for name in arguments.lora.targets.split(",")]
        model.enable_lora(arguments.lora.rank, targets, arguments.lora.alpha)
    for part in arguments.model.frozen_parts:
        freeze(model, part)
    if not model.trainable_variables:
        raise ValueError(f"freeze={arguments.model.freeze!r} leaves nothing to train")


def freeze(model, part):
    """Freezes the layers of a stack without the embeddings, which all stacks share, or these alone.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        part: `"encoder"`, `"decoder"` or `"embeddings"`.
    """
    if part != "embeddings":
        model.get_stacks()[part].freeze_layers()
        return
    for table in (model.get_input_embeddings(), model.get_output_embeddings()):
        table.trainable = False
