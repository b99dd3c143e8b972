import html
import html.parser
import json
import re

import numpy as np
import pytest

from tf_pegasus.evaluation.attention import CrossAttention, cross_attention
from tf_pegasus.evaluation.evaluator import evaluate
from tf_pegasus.evaluation.report import Extremes, _attention_rows

HOSTILE = [
    "<script>alert(1)</script> began in 1999.",
    "</p></div><img src=x onerror=alert(1)> 'a' \"b\"",
    "{{ 7 * 7 }} {% for %} $\\frac{1}$ &lt;b&gt; <!-- -->",
    "\u202e\x00 日本語 ]]>",
]


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


def report(tmp_path, records, **arguments):
    evaluate(records, output_dir=tmp_path / "out", baselines=["oracle"], **arguments)
    return (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_hostile_texts_are_escaped(tmp_path):
    records = [{"document": f"{text} {HOSTILE[0]}", "summary": text} for text in HOSTILE]
    text = report(tmp_path, records, predictions=[*HOSTILE[1:], HOSTILE[0]])
    page = Page(text)
    assert not {"script", "iframe", "object", "link"} & set(page.tags)
    assert page.tags.count("img") == 3
    assert all(not name.startswith("on") for name, _ in page.attributes)
    for name, value in page.attributes:
        assert name not in ("src", "href") or value.startswith("data:image/svg+xml;base64,")
    # The texts are there, as texts.
    for each in (*HOSTILE[:2], "{{ 7 * 7 }} {% for %} $\\frac{1}$ &lt;b&gt; <!-- -->", "日本語"):
        assert each in page.text
    # A browser would refuse what slipped through.
    assert "default-src 'none'" in text


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    text = report(tmp_path, [{"document": "a b", "summary": "a"}], predictions=["b"])
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "url(" not in text
    assert "@import" not in text


def test_contents(tmp_path):
    records = [{"document": f"Number {i} of all.", "summary": f"It is {i}."} for i in range(12)]
    predictions = [f"It is {i if i < 6 else 1999}." for i in range(12)]
    text = report(tmp_path, records, predictions=predictions)
    page = Page(text)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    mean = metrics["systems"]["predictions"]["rouge1"]["fmeasure"]["mean"]
    assert "12 documents" in page.text
    assert f"{mean:.1f} [" in page.text
    assert metrics["systems"]["predictions"]["bleu"]["signature"] in page.text
    best, worst = text.index("Best by"), text.index("Worst by")
    assert text[best:worst].count('class="example"') == 5
    assert text[worst:].count('class="example"') == 5
    assert '<span class="unsupported">1999</span>' in text[worst:]
    assert "1999" not in text[best:worst]
    assert "Cross-attention" not in text


def test_extremes():
    extremes = Extremes(2)
    for score in (3.0, 1.0, 2.0, 5.0, 4.0):
        extremes.add({"scores": {"rougeL": score}})
    assert [row["scores"]["rougeL"] for row in extremes.best] == [5.0, 4.0]
    assert [row["scores"]["rougeL"] for row in extremes.worst] == [1.0, 2.0]


def test_cross_attention_of_a_model(summarizer, tmp_path):
    document, summary = "The quick brown fox jumps over the lazy dog.", "The dog jumps."
    found = cross_attention(summarizer, document, summary)
    assert found.weights.shape == (len(found.target), len(found.source))
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-5)
    assert (found.source[-1], found.target[-1]) == ("</s>", "</s>")
    # By the model's own outputs, for the last layer and the first step.
    ids = summarizer.tokenizer(document, return_tensors="np")["input_ids"]
    output = summarizer.model(
        input_ids=ids, decoder_input_ids=np.array([[0]]), output_attentions=True
    )
    layers = [np.asarray(layer).mean((0, 1)) for layer in output.cross_attentions]
    np.testing.assert_allclose(found.weights[:1], np.mean(layers, 0), atol=1e-5)

    class Copy:
        """The model, but with a given summary."""

        model, tokenizer = summarizer.model, summarizer.tokenizer
        max_source_length = summarizer.max_source_length

        def stream(self, texts, **options):
            return (type(summarizer.summarize(["a b"])[0])(summary, 0.0, 0) for _ in texts)

    records = [{"document": document, "summary": summary}] * 2
    text = report(tmp_path, records, model=Copy(), attention_example=1)
    assert text.count("<p><b>") == len(found.target)
    assert f'title="{found.weights[0, 0]:.3f}"' in text
    with pytest.warns(UserWarning, match="attention_example=2: there are not so many records"):
        evaluate(records, Copy(), output_dir=tmp_path / "b", attention_example=2)


def test_attention_of_long_documents_is_cut():
    weights = np.array([[0.5] + [0.0] * 499], "float32")
    rows = _attention_rows(CrossAttention([str(i) for i in range(500)], ["x"], weights))
    assert (len(rows["rows"][0]["cells"]), rows["cut"]) == (400, 100)
    assert rows["rows"][0]["cells"][0] == {"token": "0", "shade": 1.0, "weight": "0.500"}
