from helpers.tiny import SENTENCES

from tf_pegasus.data.jsonl import write_jsonl


def test_table(run, tmp_path):
    records = [{"document": text + " More.", "summary": text} for text in SENTENCES]
    write_jsonl(tmp_path / "test.jsonl", records)
    code, out, _ = run("evaluate", tmp_path / "test.jsonl")
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("|")]
    assert (code, rows) == (0, ["", "---", "first sentence", "first 10 words", "model"])
    assert out.startswith("8 documents")


def test_invalid_files_fail_before_the_model_is_loaded(run, tmp_path):
    (tmp_path / "test.jsonl").write_text("")
    for name, message in (("none.jsonl", "No such file"), ("test.jsonl", "there are no records")):
        code, out, err = run("evaluate", tmp_path / name, "--model", tmp_path / "nothing")
        assert (code, out) == (1, "")
        assert message in err
