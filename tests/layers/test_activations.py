import keras
import numpy as np
import pytest
from helpers.tiny import tiny_config

from tf_pegasus import (
    PegasusConfig,
    TFPegasusEncoder,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.config.activations import ACTIVATIONS as NAMES
from tf_pegasus.layers.activations import ACTIVATIONS, activation_function, activation_name


def test_every_activation_of_a_configuration_is_implemented():
    assert set(ACTIVATIONS) == set(NAMES)


@keras.saving.register_keras_serializable(package="tests")
def doubled(x):
    return 2 * x


def test_a_registered_function_is_stored_by_its_name(tmp_path, batch):
    config = tiny_config(activation_function=doubled)
    assert config.activation_function is doubled
    assert "doubled" in repr(config)
    model = TFPegasusForConditionalGeneration(config)
    assert model.config.activation_function == "tests>doubled"
    model.save_pretrained(tmp_path)
    assert PegasusConfig.from_pretrained(tmp_path).activation_function == "tests>doubled"
    again = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    np.testing.assert_array_equal(again(batch).logits, model(batch).logits)
    linear = TFPegasusForConditionalGeneration.from_pretrained(
        tmp_path, activation_function="linear"
    )
    assert np.abs(linear(batch).logits - model(batch).logits).max() > 1e-4
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(batch).logits, model(batch).logits)
    # A configuration alone does not know the name.
    with pytest.raises(ValueError, match="has no name that a file could store"):
        config.save_pretrained(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_functions_of_keras_have_names():
    assert activation_name(keras.activations.relu) == "relu"
    assert activation_name(keras.activations.mish) == "keras>mish"
    assert activation_function("keras>mish") is keras.activations.mish
    encoder = TFPegasusEncoder(tiny_config(activation_function=keras.activations.mish))
    assert encoder.config.activation_function == "keras>mish"


def test_functions_without_a_name_are_refused():
    with pytest.raises(ValueError, match=r"must be registered with Keras"):
        TFPegasusModel(tiny_config(activation_function=lambda x: x))
    for name in ("tests>unknown", "tf_pegasus>TFPegasusModel", "keras>deserialize", "keras>relux"):
        with pytest.raises(ValueError, match=f"'{name}' is not registered with Keras as a fun"):
            TFPegasusModel(tiny_config(activation_function=name))
