import numpy as np
import pytest

from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError


def test_h5_files_with_links_are_refused(tmp_path):
    import h5py

    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.zeros(3, "float32")
    path = tmp_path / "tf_model.h5"
    with h5py.File(path, "w") as file:
        file["model"] = h5py.ExternalLink(str(secret), "kernel")
    with pytest.raises(DamagedFileError, match="is a link"):
        find_source(tmp_path).open()
    with h5py.File(path, "w") as file:
        file["model"] = h5py.SoftLink("/elsewhere")
    with pytest.raises(DamagedFileError, match="is a link"):
        find_source(tmp_path).open()
    with h5py.File(path, "w") as file:
        file.create_dataset("model/bias", (3,), "float32", external=[(str(secret), 0, 12)])
    with pytest.raises(DamagedFileError, match="is not stored in one piece"):
        find_source(tmp_path).open()
    with h5py.File(path, "w") as file:
        file.create_dataset("model/bias", (10**12,), "float32", chunks=(10**6,), compression="gzip")
    with pytest.raises(DamagedFileError, match="is not stored in one piece"):
        find_source(tmp_path).open()
