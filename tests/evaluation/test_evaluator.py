import json

import pytest
from helpers.tiny import SENTENCES

from tf_pegasus import Summary
from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.readers import read_records
from tf_pegasus.evaluation.baselines import BASELINES
from tf_pegasus.evaluation.evaluator import evaluate, read_predictions
from tf_pegasus.evaluation.rouge import METRICS, rouge

RECORDS = [
    {"document": f"{text} {SENTENCES[0]}", "summary": text}
    for text in (*SENTENCES, "日本語の文章。")
]
REFERENCES = [record["summary"] for record in RECORDS]


class FakeSummarizer:
    """Copies the first words; the third document fails, the second is truncated."""

    def __init__(self):
        self.options = None
        self.read = 0

    def stream(self, texts, **options):
        self.options = options
        for number, text in enumerate(texts):
            self.read += 1
            error = "no" if number == 2 else None
            yield Summary("" if error else text[:20], -1.0, 5 * (number == 1), error)


def test_perfect_predictions_score_100():
    metrics = evaluate(RECORDS, predictions=REFERENCES, bleu_tokenizer="char")
    system = metrics["systems"]["predictions"]
    assert metrics["documents"] == len(RECORDS)
    for name in METRICS:
        assert system[name]["fmeasure"] == {"mean": 100.0, "low": 100.0, "high": 100.0}
    assert [system[name]["score"] for name in ("bleu", "chrf")] == pytest.approx([100, 100])
    assert (system["coverage"], system["novel_4grams"]) == (1.0, 0.0)
    reference = metrics["systems"]["reference"]
    assert {name: system[name] for name in reference} == reference
    assert list(metrics["systems"]) == ["reference", *BASELINES, "predictions"]
    oracle, random = metrics["systems"]["oracle"], metrics["systems"]["random sentence"]
    assert oracle["rouge1"]["fmeasure"]["mean"] > random["rouge1"]["fmeasure"]["mean"]


def test_a_model_is_streamed_and_files_are_written(tmp_path):
    model = FakeSummarizer()
    output = tmp_path / "new" / "evaluation"
    rows = iter(RECORDS)
    metrics = evaluate(
        rows, model, output_dir=output, max_samples=4, num_beams=2, baselines=["first sentence"]
    )
    assert next(rows) == RECORDS[4]
    assert model.options == {"errors": "keep", "num_beams": 2}
    assert (metrics["documents"], metrics["truncated_documents"]) == (4, 1)
    assert metrics["failed_documents"] == 1
    assert json.loads((output / "metrics.json").read_text()) == metrics
    lines = list(read_records(output / "predictions.jsonl", ()))
    assert [line["document"] for line in lines] == [r["document"] for r in RECORDS[:4]]
    assert [line["summary"] for line in lines] == REFERENCES[:4]
    texts = [line["prediction"] for line in lines]
    assert texts == [r["document"][:20] if i != 2 else "" for i, r in enumerate(RECORDS[:4])]
    assert [line.get("error") for line in lines] == [None, None, "no", None]
    for name, value in rouge(texts, REFERENCES[:4]).items():
        assert metrics["systems"]["model"][name]["fmeasure"]["mean"] == pytest.approx(value)
        mean = sum(line["scores"][name] for line in lines) / 4
        assert mean == pytest.approx(value)
    # What was written can be evaluated again, with the same result.
    again = evaluate(
        output / "predictions.jsonl",
        predictions=output / "predictions.jsonl",
        baselines=["first sentence"],
    )
    assert again["systems"]["predictions"] == metrics["systems"]["model"]


def test_columns_and_unsupported(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("text,title\nIt began in 1990 in Rome.,It began in 1990.\n")
    metrics = evaluate(
        path,
        predictions=["It began in 1991 in Rome and Oslo."],
        document_column="text",
        summary_column="title",
        output_dir=tmp_path / "out",
    )
    system = metrics["systems"]["predictions"]
    assert (system["unsupported_numbers"], system["unsupported_names"]) == (1.0, 1.0)
    assert system["summaries_with_unsupported"] == 100.0
    (line,) = read_records(tmp_path / "out" / "predictions.jsonl", ())
    assert [each["text"] for each in line["unsupported"]] == ["1991", "Oslo"]


def test_nothing_is_left_after_an_error(tmp_path):
    def records():
        yield RECORDS[0]
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        evaluate(records(), predictions=["a", "b"], output_dir=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(FileExistsError, match="not an empty directory"):
        evaluate(RECORDS, model="no such model", output_dir=tmp_path / "out")


def test_lone_surrogates_are_written(tmp_path):
    records = [{"document": "a", "summary": "a"}]
    evaluate(records, predictions=["\udc80"], output_dir=tmp_path / "out")
    (line,) = read_records(tmp_path / "out" / "predictions.jsonl", ())
    assert line["prediction"] == "\udc80"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give a model or predictions"),
        ({"model": "x", "predictions": []}, "give a model or predictions"),
        ({"predictions": REFERENCES, "num_beams": 2}, "num_beams only apply to a model"),
        ({"predictions": REFERENCES[1:]}, "there are 8 predictions, but more records"),
        ({"predictions": [*REFERENCES, "a"]}, "there are 9 records, but more predictions"),
        ({"predictions": [], "max_samples": 0}, "max_samples=0 must be at least 1"),
        ({"predictions": [], "baselines": ["last"]}, "baselines: 'last' must be one of first sent"),
        ({"predictions": [], "tokenizer": "x"}, "tokenizer='x' must be one of unicode"),
        ({"predictions": [], "bleu_tokenizer": "x"}, "bleu_tokenizer='x' must be one of"),
        ({"predictions": [], "summary_column": "no"}, "records, row 0: .*'no'"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate(RECORDS, **arguments)


def test_no_records():
    with pytest.raises(ValueError, match="there are no records"):
        evaluate([], predictions=[])
    with pytest.raises(TypeError, match=r"predictions\[0\] must be a str, got int"):
        evaluate(RECORDS, predictions=[1])


def test_read_predictions(tmp_path):
    (tmp_path / "p.txt").write_bytes("a\r\n\nb\u2028c\n".encode())
    assert list(read_predictions(tmp_path / "p.txt")) == ["a", "", "b\u2028c"]
    write_jsonl(tmp_path / "p.jsonl", [{"prediction": "a"}, {"prediction": ""}, {"summary": "a"}])
    texts = read_predictions(tmp_path / "p.jsonl")
    assert [next(texts), next(texts)] == ["a", ""]
    with pytest.raises(ValueError, match="record 3: field 'prediction' must be a string, got None"):
        next(texts)
