import json
import shutil

import pytest

from tf_pegasus.serving.manifest import MANIFEST_FILE, check, checksums
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

    def without(*names):
        def change(path):
            values = json.loads((path / MANIFEST_FILE).read_text())
            for name in names:
                del values[name]
            (path / MANIFEST_FILE).write_text(json.dumps(values))

        return change

    def name_also(name, checksum="00"):
        return lambda path: manifest(files={**files(path), name: checksum})(path)

    def forget(name):
        return lambda path: manifest(files={n: v for n, v in files(path).items() if n != name})(
            path
        )

    def files(path):
        return json.loads((path / MANIFEST_FILE).read_text())["files"]

    def add(name):
        return lambda path: (path / name).write_text("more")

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
        (name_also("../x"), ValueError, "outside the version"),
        (manifest(files=[]), ValueError, r"files=\[\] must have the type dict"),
        (manifest(files={}), ValueError, "does not name saved_model.pb"),
        (without("files"), ValueError, "has no files"),
        (without("generation"), ValueError, "has no generation"),
        (without("tensorflow"), ValueError, "has no tensorflow"),
        (manifest(generation={}), ValueError, r"has no generation\.num_beams"),
        (manifest(generation=7), ValueError, "generation=7 must have the type dict"),
        (
            manifest(generation={"num_beams": "8"}),
            ValueError,
            "num_beams='8' must have the type",
        ),
        (manifest(batch_buckets=[True]), ValueError, "must have the type list of int"),
        (manifest(signatures=None), ValueError, "signatures=None must have the type list"),
        (
            name_also("saved_model.pb", 7),
            ValueError,
            r"files\['saved_model.pb'\]=7 must have",
        ),
        (forget("assets/spiece.model"), ValueError, "does not name assets/spiece.model"),
        (name_also(data[:-1] + "2", "00"), ValueError, "does not name .*data-00001-of-00002"),
        (forget(data), ValueError, "does not name variables/variables.data-00000-of-00001"),
        (add("variables/other"), ValueError, "variables/other in .* is not named"),
        (add("assets.extra/tf_serving_warmup_requests_more"), ValueError, "is not named"),
        (lambda path: shutil.rmtree(path), FileNotFoundError, "no SavedModel in"),
    ):
        path = damaged("damaged", change)
        with pytest.raises(error, match=message):
            ServedModel(path)
        shutil.rmtree(path, ignore_errors=True)


def test_several_files_of_variables_are_accepted(served_directory, tmp_path):
    path = tmp_path / "export"
    shutil.copytree(served_directory / "1", path)
    manifest = json.loads((path / MANIFEST_FILE).read_text())
    data = "variables/variables.data-0000{}-of-0000{}"
    (path / data.format(0, 1)).rename(path / data.format(0, 2))
    (path / data.format(1, 2)).write_bytes(b"")
    manifest["files"] = checksums(path)
    del manifest["files"][MANIFEST_FILE]
    (path / MANIFEST_FILE).write_text(json.dumps(manifest))
    assert check(path) == manifest
