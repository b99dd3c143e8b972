import re

import tensorflow as tf
from helpers.tiny import SENTENCES

from tf_pegasus.data.jsonl import write_jsonl


def test_export(run, model_directory, tmp_path, expected):
    target = tmp_path / "served"
    records = [{"document": text, "summary": text} for text in SENTENCES[:3]]
    write_jsonl(tmp_path / "test.jsonl", records)
    command = ["export", target, "--model", model_directory, "--engine", "graph", "--weights"]
    buckets = ["--batch-buckets", 1, 4, "--length-buckets", 48, "--no-warmup"]
    code, out, _ = run(*command, "float32", *buckets, "--evaluate", tmp_path / "test.jsonl")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, str(target / "1"))
    assert re.match(r"weights 0\.\d MB \(\d\.\d\d of float32's\), graph \d", lines[1])
    assert lines[2] == "| | ROUGE-1 | ROUGE-2 | ROUGE-L | ROUGE-Lsum |"
    assert lines[4].removeprefix("| in Python") == lines[5].removeprefix("| exported")
    assert lines[6] == "3 of 3 summaries are equal"
    serve = tf.saved_model.load(str(target / "1")).signatures["serving_default"]
    summary = serve(text=tf.constant(SENTENCES[:1]))["summary"].numpy()[0].decode()
    assert summary == expected(SENTENCES[:1])[0].text
    code, _, err = run(*command, "float32", "--version", 1)
    assert code == 1
    assert "exists already" in err
    code, _, err = run(*command, "float32", "--length-buckets", 99)
    assert code == 1
    assert "length_buckets=(99,) must not exceed the model's 48 tokens" in err
