import pytest
from helpers.tiny import SENTENCES

from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.readers import read_records
from tf_pegasus.evaluation.baselines import BASELINES


@pytest.fixture
def test_file(tmp_path):
    records = [{"document": text + " More.", "summary": text} for text in SENTENCES]
    write_jsonl(tmp_path / "test.jsonl", records)
    return tmp_path / "test.jsonl"


def rows_of(out):
    return [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("|")]


def test_a_model(run, test_file, tmp_path, expected):
    code, out, err = run("evaluate", test_file, "--output-dir", tmp_path / "out", "--num-beams", 2)
    systems = [*BASELINES, "model"]
    assert (code, err.count("\n")) == (0, 1)
    assert "1 of 8 documents were too long and were truncated" in err
    assert rows_of(out) == ["", "---", *systems, "", "---", "reference", *systems]
    assert out.startswith("8 documents")
    lines = list(read_records(tmp_path / "out" / "predictions.jsonl", ()))
    summaries = expected([line["document"] for line in lines], num_beams=2)
    assert [line["prediction"] for line in lines] == [summary.text for summary in summaries]


def test_predictions_need_no_model(process, test_file, tmp_path):
    (tmp_path / "p.txt").write_text("".join(text + "\n" for text in SENTENCES[:2]))
    code = (
        "import sys; from tf_pegasus.cli.main import main; code = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    command = ["evaluate", test_file, "--predictions", tmp_path / "p.txt", "--max-samples", 2]
    done = process(*command, code=code)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = (line for line in done.stdout.splitlines() if "| predictions | 100.0" in line)
    assert row.startswith("| predictions | 100.0 [100.0, 100.0] | 100.0 [")


def test_invalid_arguments_fail_before_the_model_is_loaded(run, test_file, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    nothing = ("--model", tmp_path / "nothing")
    for command, message in (
        ((tmp_path / "none.jsonl", *nothing), "no such file"),
        ((tmp_path / "empty.jsonl", *nothing), "there are no records"),
        ((test_file, *nothing, "--output-dir", tmp_path), "not an empty directory"),
        ((test_file, *nothing, "--bleu-tokenizer", "x"), "bleu_tokenizer='x' must be one of"),
        ((test_file, *nothing, "--summary-column", "x"), "field 'x' is missing"),
        ((test_file, *nothing, "--predictions", test_file), "--model has no effect with --predict"),
    ):
        code, out, err = run("evaluate", *command)
        assert (code, out) == (1, "")
        assert message in err
