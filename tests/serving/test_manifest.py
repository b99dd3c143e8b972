import json
import shutil

import pytest

from tf_pegasus.serving.manifest import MANIFEST_FILE
from tf_pegasus.serving.served_model import ServedModel


def test_a_damaged_export_is_refused(served_directory, tmp_path):
    def damaged(name, change):
        path = tmp_path / name
        shutil.copytree(served_directory / "1", path)
        change(path)
        return path

    def cut(file):
        return lambda path: (path / file).write_bytes((path / file).read_bytes()[:-7])

    def remove(file):
        return lambda path: (path / file).unlink()

    def manifest(**changes):
        def change(path):
            values = json.loads((path / MANIFEST_FILE).read_text())
            (path / MANIFEST_FILE).write_text(json.dumps({**values, **changes}))

        return change

    data = "variables/variables.data-00000-of-00001"
    for change, error, message in (
        (cut("assets/spiece.model"), ValueError, "assets/spiece.model in .* was damaged"),
        (cut("saved_model.pb"), ValueError, "saved_model.pb in .* was damaged"),
        (cut(data), ValueError, "was damaged"),
        (remove(data), FileNotFoundError, "variables.data.* is missing"),
        (remove("saved_model.pb"), FileNotFoundError, "saved_model.pb is missing"),
        (remove(MANIFEST_FILE), FileNotFoundError, "no tf_pegasus.json"),
        (manifest(tensorflow="99.1.0"), ValueError, "exported with tensorflow 99.1.0"),
        (manifest(tensorflow="new"), ValueError, "tensorflow='new'"),
        (manifest(files={"../x": "00"}), ValueError, "outside the version"),
        (manifest(files=[]), ValueError, "lists no files"),
        (lambda path: shutil.rmtree(path), FileNotFoundError, "no SavedModel in"),
    ):
        path = damaged("damaged", change)
        with pytest.raises(error, match=message):
            ServedModel(path)
        shutil.rmtree(path, ignore_errors=True)
