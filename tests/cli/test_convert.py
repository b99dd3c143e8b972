import pytest

from tf_pegasus import bundled_model, conversion


def test_the_bundled_model_by_name(run, monkeypatch, tmp_path):
    code, out, _ = run("info", "bundled")
    assert (code, out.splitlines()[0]) == (0, "format: safetensors")
    sources = []
    monkeypatch.setattr(
        conversion, "convert", lambda source, *arguments, **options: sources.append(source)
    )
    assert run("convert", "bundled", tmp_path / "new")[0] == 0
    assert run("convert", "./bundled", tmp_path / "new")[0] == 0
    assert sources == [bundled_model(), "./bundled"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["safetensors", "bin", "h5", "msgpack"])
def test_full_disk_is_reported_in_one_line_and_leaves_no_files(
    process, model_directory, tmp_path, form
):
    done = process(
        *("convert", model_directory, tmp_path / "new", "--to", form),
        shell='ulimit -f 8; exec "$@"',
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tf-pegasus: error: ")
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_full_disk_in_tensorflow(process, tmp_path):
    done = process(
        *("export", tmp_path / "served", "--engine", "graph", "--no-warmup"),
        *("--batch-buckets", 1, "--length-buckets", 16),
        shell='ulimit -f 1500; exec "$@"',
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tf-pegasus: error: {tmp_path / 'served'}/")
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "served").iterdir()) == []
