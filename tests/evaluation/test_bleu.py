import json
import subprocess
import sys

import pytest
from helpers.texts import PROSE

from tf_pegasus.evaluation.bleu import bleu_and_chrf

PREDICTIONS = [PROSE[0], PROSE[1][:50], PROSE[2].lower(), ""]
REFERENCES = [PROSE[0], PROSE[1], PROSE[2], PROSE[3]]


def test_agrees_with_the_command_of_sacrebleu(tmp_path):
    for name, texts in (("hypotheses", PREDICTIONS), ("references", REFERENCES)):
        (tmp_path / name).write_text("".join(text + "\n" for text in texts))
    command = [sys.executable, "-m", "sacrebleu", str(tmp_path / "references")]
    command += ["-i", str(tmp_path / "hypotheses"), "-m", "bleu", "chrf", "-w", "6"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = {each["name"].split("2")[0].lower(): each for each in json.loads(done.stdout)}
    found = bleu_and_chrf(PREDICTIONS, REFERENCES)
    assert set(found) == set(expected) == {"bleu", "chrf"}
    for name, each in found.items():
        assert each["score"] == pytest.approx(expected[name]["score"], abs=1e-5)
        assert 0 < each["score"] < 100
        assert each["signature"] == expected[name]["signature"]


def test_tokenizers():
    text = ["日本語の文章です。"]
    assert bleu_and_chrf(text, text, "char")["bleu"]["score"] == pytest.approx(100)
    with pytest.raises(ValueError, match=r"bleu_tokenizer='words' must be one of .*13a, .*char"):
        bleu_and_chrf(text, text, "words")
