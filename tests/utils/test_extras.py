import pytest

from tf_pegasus.utils.extras import require


def test_missing_extra_is_named(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr("tf_pegasus.utils.extras.importlib.import_module", refuse)
    with pytest.raises(ImportError, match=r"lz4 .* pip install 'tf-pegasus\[train\]'"):
        require("lz4.frame", "train")
