from helpers.tiny import SENTENCES

from tf_pegasus import PegasusTokenizer
from tf_pegasus.data.jsonl import write_jsonl


def test_train_vocab(run, tmp_path):
    write_jsonl(
        tmp_path / "a.jsonl", [{"document": text, "summary": "one"} for text in SENTENCES * 20]
    )
    (tmp_path / "b.txt").write_text("Another text with another word.\n" * 30)
    output = tmp_path / "spiece.model"
    arguments = ["--output", output, "--vocab-size", 110, "--newline-token", "<n>"]
    code, out, err = run("train-vocab", tmp_path / "a.jsonl", tmp_path / "b.txt", *arguments)
    assert (code, err) == (0, "")
    assert out.startswith(f"{output}: 110 pieces, from ")
    tokenizer = PegasusTokenizer(output, newline_token="<n>")
    assert tokenizer.decode(tokenizer.encode("A\nb")[:-1]) == "A\nb"


def test_errors(run, tmp_path):
    path, output = tmp_path / "a.txt", tmp_path / "spiece.model"
    path.write_text("Some words.\n")
    for arguments, message in (
        ([path, "--output", tmp_path / "missing" / "v"], "must be a file in an existing directory"),
        ([tmp_path / "none.txt", "--output", output], "no such file"),
        ([path, "--output", output, "--sample", 0], "--sample 0 must be at least 1"),
        ([path, "--output", output, "--vocab-size", 500], "too large for the texts"),
        ([path, "--output", output, "--columns", "title"], "field 'title' is missing"),
        ([__file__, "--output", output], "unknown suffix '.py'"),
    ):
        code, out, err = run("train-vocab", *arguments)
        assert (code, out) == (1, "")
        assert message in err
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
