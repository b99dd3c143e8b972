"""The package's public names."""

import tf_pegasus
from tf_pegasus import bundled_model


def test_public_names_exist():
    for name in tf_pegasus.__all__:
        assert getattr(tf_pegasus, name) is not None
    assert set(tf_pegasus.__all__) <= set(dir(tf_pegasus))


def test_bundled_model_is_complete_and_small():
    directory = bundled_model()
    names = {path.name for path in directory.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors"} <= names
    assert {"spiece.model", "tokenizer_config.json", "MODEL_CARD.md"} <= names
    assert sum(path.stat().st_size for path in directory.iterdir()) < 25e6
