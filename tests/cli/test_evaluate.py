from helpers.tiny import SENTENCES

from tf_pegasus.data.readers import write_jsonl


def test_the_table(run, tmp_path):
    records = [{"document": text + " More.", "summary": text} for text in SENTENCES]
    write_jsonl(tmp_path / "test.jsonl", records)
    code, out, _ = run("evaluate", tmp_path / "test.jsonl")
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("|")]
    assert (code, rows) == (0, ["", "---", "first sentence", "first 10 words", "model"])
    assert out.startswith("8 documents")


def test_bad_files_are_named_before_a_model_is_loaded(run, tmp_path):
    (tmp_path / "test.jsonl").write_text("")
    for name, message in (("none.jsonl", "No such file"), ("test.jsonl", "there is no record")):
        code, out, err = run("evaluate", tmp_path / name, "--model", tmp_path / "nothing")
        assert (code, out) == (1, "")
        assert message in err
