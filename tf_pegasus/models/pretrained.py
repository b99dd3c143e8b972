"""What all PEGASUS models share: configuration, saving and loading."""

import keras

from tf_pegasus.checkpoints.huggingface import load_weights, save_weights
from tf_pegasus.config import PegasusConfig
from tf_pegasus.layers.stack import as_config


class TFPegasusPreTrainedModel(keras.Model):
    """Base class: holds `config`, and reads and writes Hugging Face directories.

    All weights exist as soon as the model is constructed, no first call is needed.

    Args:
        config: `PegasusConfig` or a dict that makes one.
        **kwargs: of `keras.Model`, such as `dtype` (a Keras dtype policy) and `name`.
    """

    def __init__(self, config, **kwargs):
        # The residual stream is float32 whatever the policy; sublayers cast where they compute.
        super().__init__(autocast=False, **kwargs)
        self.config = as_config(config)
        if not isinstance(self.config, PegasusConfig):
            raise TypeError(f"config must be a PegasusConfig or a dict, got {config!r}")

    def build(self, input_shape=None):
        """Nothing is left to build: the constructor did it."""

    def get_base_model(self):
        """Returns the `TFPegasusModel` inside, or the model itself."""
        # No property: Keras' saving walks those, and would walk in a circle.
        return getattr(self, "model", self)

    def get_encoder(self):
        """Returns the `TFPegasusEncoder`."""
        return self.get_base_model().encoder

    def get_decoder(self):
        """Returns the `TFPegasusDecoder`."""
        return self.get_base_model().decoder

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "config": self.config.to_dict(),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)

    def save_pretrained(self, save_directory, dtype=None):
        """Writes `config.json` and `model.safetensors` in Hugging Face's names and layout.

        Args:
            save_directory: path, made if missing.
            dtype: `"float32"`, `"float16"` or `"bfloat16"` to store the weights in; by
                default the variables' own.
        """
        self.config.save_pretrained(save_directory)
        save_weights(self, save_directory, dtype)

    @classmethod
    def from_pretrained(cls, path, strict=True, dtype=None, **overrides):
        """Builds the model that a directory describes, and loads its weights.

        Args:
            path: a directory with `config.json` and `model.safetensors`.
            strict: bool; False tolerates missing and unexpected weights with a warning.
            dtype: Keras dtype policy of the model; default Keras' global one.
            **overrides: configuration values to replace.

        Returns:
            The model, weights in the policy's variable dtype.

        Raises:
            FileNotFoundError: the directory or a file is missing.
            ValueError: a file is damaged, or its weights do not fit the configuration.
        """
        config = PegasusConfig.from_pretrained(path, **overrides)
        model = cls(config, dtype=dtype)
        load_weights(model, path, strict=strict)
        return model
