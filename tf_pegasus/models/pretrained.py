"""The base class of all models: configuration, embeddings, saving and loading."""

import copy
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tf_pegasus.checkpoints.formats import FORMATS, MAX_SHARD_SIZE
from tf_pegasus.checkpoints.keywords import split_keywords
from tf_pegasus.checkpoints.loading import find_source, load_pretrained
from tf_pegasus.checkpoints.saving import write_weights
from tf_pegasus.config.foreign_arguments import SAVING_MODELS, check_foreign
from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.layers.freezing import (
    freeze_if_constructed_so,
    freeze_weights,
    frozen_weights,
)
from tf_pegasus.layers.stack import as_config
from tf_pegasus.layers.unpack_inputs import gather_inputs, output_shapes
from tf_pegasus.models.batches import batched
from tf_pegasus.models.embeddings import EmbeddingsMixin
from tf_pegasus.models.keras_export import export_forward_pass
from tf_pegasus.models.lora import LoraMixin
from tf_pegasus.models.precision import PrecisionMixin
from tf_pegasus.tokenizers.loading import has_tokenizer, load_tokenizer
from tf_pegasus.tokenizers.tokenizer_files import ADDED_TOKENS_FILE
from tf_pegasus.utils.directories import files_together


class TFPegasusPreTrainedModel(EmbeddingsMixin, PrecisionMixin, LoraMixin, keras.Model):
    """Base class that holds `config` and reads and writes Hugging Face directories.

    All weights exist once the model is constructed; no first call is needed.

    Args:
        config: `PegasusConfig`, or a dict of its values; the model keeps a copy.
        **kwargs: arguments of `keras.Model`, such as `dtype` (a Keras dtype policy) and `name`.
    """

    config_class: ClassVar[type[PegasusConfig]] = PegasusConfig
    base_model_prefix: ClassVar[str] = "model"
    main_input_name: ClassVar[str] = "input_ids"
    # Attributes that hold the parts which may be in a functional model beside this one.
    part_names: ClassVar[tuple[str, ...]] = ()
    # What `checkpoints.expected` knows a model's weights by before it is built.
    stack_names: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    has_head: ClassVar[bool] = False
    has_logits_bias: ClassVar[bool] = False

    def __init__(self, config, **kwargs):
        # The residual stream is float32 under any policy; sublayers cast before their products.
        super().__init__(autocast=False, **kwargs)
        self.config = copy.deepcopy(as_config(config))
        if not isinstance(self.config, PegasusConfig):
            raise TypeError(f"config must be a PegasusConfig or a dict, got {config!r}")
        # The tokenizer of this model's ids, if known; saved along with the model.
        self.tokenizer = None

    def _finish(self):
        """Ends the constructor of a subclass, after its parts were made."""
        self.built = True
        freeze_if_constructed_so(self)

    def build(self, input_shape=None):
        """Does nothing: the constructor builds all weights."""

    # Parts

    def get_base_model(self):
        """Returns the `TFPegasusModel` inside, or the model itself."""
        # Not a property, because Keras' saving traverses properties and would recurse forever.
        return getattr(self, "model", self)

    def get_encoder(self):
        """Returns the `TFPegasusEncoder`."""
        return self.get_base_model().encoder

    def get_decoder(self):
        """Returns the `TFPegasusDecoder`."""
        return self.get_base_model().decoder

    def get_stacks(self):
        """Returns the model's stacks by side: `{"encoder": …, "decoder": …}`."""
        return {name: getattr(self, f"get_{name}")() for name in self.stack_names}

    # Inputs and size

    @property
    def dummy_inputs(self):
        """dict of int32 inputs `(1, 2)` that the model can be called with."""
        names = ["input_ids", "attention_mask"]
        names += [f"decoder_{name}" for name in names if "encoder" in self.stack_names]
        return {name: tf.ones((1, 2), tf.int32) for name in names}

    @classmethod
    def can_generate(cls) -> bool:
        """Returns whether the model has the method `generate`."""
        return hasattr(cls, "generate")

    def num_parameters(self, only_trainable: bool = False) -> int:
        """Returns the number of parameters, without position tables, which are constants.

        Args:
            only_trainable: bool, whether to leave out frozen ones.
        """
        weights = self.trainable_weights if only_trainable else self.weights
        return sum(math.prod(weight.shape) for weight in weights)

    def prepare_tf_dataset(
        self,
        dataset: Any,
        batch_size: int = 8,
        shuffle: bool = True,
        tokenizer: Any = None,
        collate_fn: Callable | None = None,
        collate_fn_args: Mapping[str, Any] | None = None,
        drop_remainder: bool | None = None,
        prefetch: bool = True,
    ) -> tf.data.Dataset:
        """Batches tokenized examples for `fit`; see `tf_pegasus.models.batches.batched`.

        Args:
            dataset: sequence of dicts, such as a `datasets.Dataset`; columns that are no inputs
                of the model are left out.
            tokenizer: `PegasusTokenizer` for padding; by default the model's own, if any.
            batch_size, shuffle, collate_fn, collate_fn_args, drop_remainder, prefetch: see
                `batched`.
        """
        return batched(
            dataset,
            type(self).call.input_names,
            tokenizer or self.tokenizer,
            batch_size=batch_size,
            shuffle=shuffle,
            collate_fn=collate_fn,
            collate_fn_args=collate_fn_args,
            drop_remainder=drop_remainder,
            prefetch=prefetch,
        )

    def prune_heads(self, heads_to_prune, attention=None):
        """Removes what attention heads contribute, also for later training.

        Shapes stay as they are, so that files of the model load everywhere; see
        `PegasusAttention.prune_heads`.

        Args:
            heads_to_prune: dict from layer index to list of head indices, as of `transformers`.
            attention: `"encoder"`, `"decoder"` (its self-attention) or `"cross"`; by default that
                of the encoder, if there is one.

        Raises:
            ValueError: if there is no such attention, layer or head, or the model is quantized or
                has adapters.
        """
        kinds = [*self.stack_names, "cross"]
        attention = kinds[0] if attention is None else attention
        if attention not in kinds:
            raise ValueError(f"attention={attention!r} must be one of {', '.join(kinds)}")
        layers = self.get_stacks()["decoder" if attention == "cross" else attention].layers
        for index, heads in heads_to_prune.items():
            if not 0 <= index < len(layers):
                raise ValueError(
                    f"heads_to_prune has the layer {index}: there are {len(layers)} layers"
                )
            layer = layers[index]
            pruned = layer.encoder_attn if attention == "cross" else layer.self_attn
            pruned.prune_heads(heads)

    # Training

    def gradient_checkpointing_enable(self):
        """Trains with less memory but more time.

        Each layer's activations are recomputed instead of stored (Chen et al., 2016).
        """
        self._set_gradient_checkpointing(True)

    def gradient_checkpointing_disable(self):
        """Reverts `gradient_checkpointing_enable`."""
        self._set_gradient_checkpointing(False)

    def _set_gradient_checkpointing(self, value):
        for stack in self.get_stacks().values():
            stack.gradient_checkpointing = value
        self.clear_programs()

    def clear_programs(self):
        """Drops all traced functions, as required when the model's structure changes."""
        self.train_function = self.test_function = self.predict_function = None

    # Keras

    def predict_step(self, data):
        # Caches have no use after a prediction, and are larger than all other outputs together.
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        names = type(self).call.input_names
        inputs = gather_inputs(names, x, {})
        if "use_cache" in names and inputs["use_cache"] is None:
            inputs["use_cache"] = False
        return self(**inputs, training=False)

    def compute_output_spec(self, *args, **kwargs):
        # Keras' layers would guess from `compute_output_shape`, without the arguments.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, input_shape):
        """Returns the shapes of the outputs for inputs of the shapes `input_shape`."""
        return output_shapes(self, input_shape)

    def export(
        self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs
    ):
        """Writes the forward pass on ids for other programs, as `keras.Model.export` does.

        `export_saved_model` writes a model that takes strings and returns summaries.

        Args:
            filepath: path of a directory, or of a `.tflite` file.
            format: `"tf_saved_model"`, or `"litert"`. Interpreters of LiteRT without TensorFlow's
                ops (the "Flex delegate") need a signature without unknown lengths.
            verbose: bool, whether to print what was written.
            input_signature: dict from names of inputs to `tf.TensorSpec`; by default `input_ids`,
                `attention_mask` and `decoder_input_ids`, int32 `(batch, length)`, those of them
                that the model has.
            **kwargs: options of Keras for the format.

        Raises:
            ValueError: if the format or the name of an input is unknown.
        """
        export_forward_pass(self, filepath, format, verbose, input_signature, **kwargs)

    # Configuration and files

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "config": self.config.to_dict(),
            "is_quantized": self.is_quantized,
            "frozen": frozen_weights(self),
            # Keras marks those that are also elsewhere in what is saved.
            "parts": {
                name: keras.saving.serialize_keras_object(getattr(self, name))
                for name in self.part_names
            },
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        is_quantized = config.pop("is_quantized", False)
        frozen = config.pop("frozen", ())
        parts = {
            name: keras.saving.deserialize_keras_object(part)
            for name, part in config.pop("parts", {}).items()
            if _is_shared(part)
        }
        model = cls(**config, **({"parts": parts} if parts else {}))
        freeze_weights(model, frozen)
        if is_quantized:
            model.quantize("int8")
        return model

    def save_assets(self, directory):
        """Writes the tokenizer into a `.keras` file (hook of Keras)."""
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(directory)

    def load_assets(self, directory):
        """Reads the tokenizer from a `.keras` file (hook of Keras)."""
        if directory is not None and has_tokenizer(Path(directory)):
            self.tokenizer = load_tokenizer(directory)

    def save_pretrained(
        self,
        save_directory: str | Path,
        dtype: str | None = None,
        weights_format: str = "safetensors",
        max_shard_size: int | str = MAX_SHARD_SIZE,
        **keywords: Any,
    ) -> None:
        """Writes configuration and weights with Hugging Face's names and layout.

        All files appear at the end; if one cannot be written, the directory stays as it was.

        Models that generate also write `generation_config.json`, and models with a tokenizer the
        files of the tokenizer.

        Args:
            save_directory: path, created if missing.
            dtype: `"float32"`, `"float16"` or `"bfloat16"`, the dtype of the stored weights; by
                default that of the variables.
            weights_format: `"safetensors"` (`model.safetensors`), `"h5"` (`tf_model.h5`),
                `"bin"` (`pytorch_model.bin`), `"msgpack"` (`flax_model.msgpack`) or
                `"original"` (the authors' `model.ckpt-0`).
            max_shard_size: int (bytes) or str such as `"5GB"`; larger safetensors and bin files
                are split into shards with an index.
            **keywords: arguments of `transformers` with values that ask for nothing else, such
                as `safe_serialization=True` (see `tf_pegasus.config.foreign_arguments`).

        Raises:
            ValueError: if the format or dtype is unknown, the weights do not fit into it, the
                model is quantized, or a keyword asks for something else; the message says what
                to use.
            TypeError: if a keyword is unknown; the message names it and the nearest known one.
        """
        own = ("save_directory", "dtype", "weights_format", "max_shard_size")
        check_foreign(keywords, SAVING_MODELS, "save_pretrained", own)
        if self.is_quantized:
            raise ValueError(
                "a quantized model cannot be written in the published formats: save it before "
                "quantize(), or with save() in a .keras file"
            )
        has_tokenizer = getattr(self, "tokenizer", None) is not None
        # A reader might prefer older weights of the same format, and would add their tokens.
        older = [FORMATS[weights_format].files] if weights_format in FORMATS else []
        older += [re.escape(ADDED_TOKENS_FILE)] if has_tokenizer else []
        with files_together(save_directory, older) as temporary:
            self.config.save_pretrained(temporary)
            if hasattr(self, "generation_config"):
                self.follow_config()
                self.generation_config.save_pretrained(temporary)
            write_weights(self, temporary, dtype, weights_format, max_shard_size)
            if has_tokenizer:
                self.tokenizer.save_pretrained(temporary)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path | None,
        strict: bool | None = None,
        dtype: Any = None,
        config: PegasusConfig | dict[str, Any] | None = None,
        *,
        state_dict: Mapping[str, Any] | None = None,
        output_loading_info: bool = False,
        **keywords: Any,
    ) -> Any:
        """Loads a model with its weights and tokenizer from a directory or a hub repository.

        Weights are searched in this order: `model.safetensors`, `pytorch_model.bin` (read without
        PyTorch, and without executing anything in it), `tf_model.h5`, `flax_model.msgpack`, all of
        them also in shards; and the authors' `model.ckpt-N`. For authors' checkpoints, the format
        determines the variant of positions, epsilon and decoding, unless `config`, `config.json`
        or a keyword gives such a value by name.

        Args:
            pretrained_model_name_or_path: path of a directory; or the prefix of a TF1
                checkpoint, such as `"dir/model.ckpt-1500000"`; otherwise the name of a
                repository on the Hugging Face hub, such as `"google/pegasus-xsum"`. None if
                `config` and `state_dict` are given.
            strict: bool, whether missing and unexpected weights raise or warn; by default
                they raise for safetensors files and warn for others. NaN or infinite weights
                raise if it is True, and warn by default.
            dtype: Keras dtype policy of the model; `"float32"`, `"float16"`, `"bfloat16"` or
                the corresponding dtype of another library; or `"auto"`, the dtype of the file if
                all its weights have the same one. By default Keras' global policy.
            config: `PegasusConfig` or dict; by default the directory's `config.json`, or for
                authors' checkpoints what can be derived from their weights.
            state_dict: dict from Hugging Face name to array (or PyTorch tensor), used instead of
                the weights in files.
            output_loading_info: bool, whether to also return the names that did not match.
            **keywords: configuration values and generation options to replace; and:
                revision, token, cache_dir, force_download, proxies, local_files_only,
                subfolder: see `tf_pegasus.utils.hub.HubOptions`;
                use_safetensors: bool, True accepts only safetensors files, False none of them;
                torch_dtype: `transformers`' name for `dtype`;
                generation_config: `GenerationConfig`, instead of `generation_config.json`;
                ignore_mismatched_sizes: bool, whether weights of another shape than the
                    configuration's start anew, with a warning;
                from_pt, from_tf, from_flax, low_cpu_mem_usage, device_map, attn_implementation,
                resume_download, trust_remote_code: arguments of `transformers` that have no
                    effect here (see `tf_pegasus.checkpoints.keywords.WITHOUT_MEANING` for the
                    reasons).

        Returns:
            The model, with weights in the policy's variable dtype. Its `tokenizer` is that of the
            directory, or None if there is none. With `output_loading_info`, a tuple of the model
            and a dict with `missing_keys`, `unexpected_keys` and `mismatched_keys`.

        Raises:
            FileNotFoundError: if the directory, the repository or a file does not exist.
            ValueError: if a file is damaged, or its weights do not fit the configuration.
            TypeError: if a keyword is unknown; the message names it and the nearest known one.
            ImportError: if a reader or the hub needs an extra that is not installed.
        """
        sorted_keywords = split_keywords(dtype, keywords, generates=hasattr(cls, "generate"))
        hub, formats = sorted_keywords.hub, sorted_keywords.formats
        source = find_source(pretrained_model_name_or_path, hub, formats, state_dict)
        model, info = load_pretrained(cls, source, strict, config, sorted_keywords)
        directory = source.directory
        if directory is not None and has_tokenizer(directory):
            model.tokenizer = load_tokenizer(directory)
        return (model, info) if output_loading_info else model


def _is_shared(part):
    """Whether a serialized part, or one inside it, occurs elsewhere in what was saved."""
    inner = part["config"].get("parts", {})
    return "shared_object_id" in part or any(map(_is_shared, inner.values()))
