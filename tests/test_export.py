import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import SENTENCES

from tf_pegasus import export_saved_model

TEXTS = [*SENTENCES[:5], "Fox.", " ".join(SENTENCES), "\x00 odd \ud7ff 日本 <mask_1>"]

SERVE = """
import json, sys
import tensorflow as tf
import tensorflow_text

texts = json.load(sys.stdin)
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
outputs = serve(text=tf.constant([text.encode() for text in texts], tf.string))
others = [m for m in sys.modules if m.split(".")[0] in ("tf_pegasus", "sentencepiece")]
print(json.dumps({
    "summary": [s.decode() for s in outputs["summary"].numpy()],
    "score": outputs["score"].numpy().tolist(),
    "dtypes": sorted((k, v.dtype.name, v.shape.rank) for k, v in outputs.items()),
    "others": others,
}))
"""


def serve_in_a_fresh_process(directory, texts):
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(directory)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["xla", "graph"])
def test_served_summaries_are_pythons(summarizer, tmp_path, engine):
    export_saved_model(summarizer, tmp_path / "served", engine=engine)
    served = serve_in_a_fresh_process(tmp_path / "served", TEXTS)
    assert served["others"] == []
    assert served["dtypes"] == [["score", "float32", 1], ["summary", "string", 1]]
    # All in one batch, as they were served.
    expected = summarizer.summarize(TEXTS, batch_size=len(TEXTS), engine=engine)
    assert served["summary"] == [summary.text for summary in expected]
    np.testing.assert_allclose(served["score"], [s.score for s in expected], atol=1e-5)
    assert len(set(served["summary"])) > 2


def test_signature_options_and_blank_texts(summarizer, tmp_path):
    options = {"num_beams": 1, "max_length": 5}
    export_saved_model(summarizer, tmp_path / "served", engine="graph", **options)
    serve = tf.saved_model.load(str(tmp_path / "served")).signatures["serving_default"]
    (spec,) = serve.structured_input_signature[1].values()
    assert (spec.name, spec.dtype, spec.shape.as_list()) == ("text", tf.string, [None])
    texts = ["The fox.", "", " \n", SENTENCES[1]]
    outputs = serve(text=tf.constant(texts))
    expected = summarizer.summarize([texts[0], texts[3]], engine="graph", **options)
    summaries = [summary.decode() for summary in outputs["summary"].numpy()]
    assert summaries == [expected[0].text, "", "", expected[1].text]
    assert outputs["score"].numpy()[1:3].tolist() == [0.0, 0.0]
    assert serve(text=tf.zeros((0,), tf.string))["summary"].shape == (0,)


def test_nothing_is_overwritten_or_left_half_written(summarizer, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_text("x")
    with pytest.raises(FileExistsError, match="exists already"):
        export_saved_model(summarizer, taken)
    for options, error in (({"engine": "onnx"}, ValueError), ({"num_beems": 2}, TypeError)):
        with pytest.raises(error):
            export_saved_model(summarizer, tmp_path / "new", **options)
    with pytest.raises(ValueError, match="max_length=999"):
        export_saved_model(summarizer, tmp_path / "new", engine="graph", max_length=999)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
