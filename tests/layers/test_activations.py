from tf_pegasus.config.model import ACTIVATIONS as NAMES
from tf_pegasus.layers.activations import ACTIVATIONS


def test_every_activation_of_a_configuration_is_implemented():
    assert set(ACTIVATIONS) == set(NAMES)
