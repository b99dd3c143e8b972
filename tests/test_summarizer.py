import pytest
from helpers.tiny import SENTENCES, tiny_config

from tf_pegasus import Summarizer, TFPegasusForConditionalGeneration

TEXTS = [*SENTENCES, "Fox.", " ".join(SENTENCES[:2])]


def test_batch_size_changes_neither_summaries_nor_order(summarizer):
    one_by_one = [summarizer.summarize([text], engine="graph")[0] for text in TEXTS]
    assert len({summary.text for summary in one_by_one}) > 2
    together = summarizer.summarize(TEXTS, batch_size=4, engine="graph")
    assert [s.text for s in together] == [s.text for s in one_by_one]
    for a, b in zip(together, one_by_one, strict=True):
        assert a.score == pytest.approx(b.score, abs=1e-4)
        assert a.tokens_dropped == b.tokens_dropped


def test_long_text_is_truncated_and_reported(summarizer):
    long = " ".join(SENTENCES)
    tokens = len(summarizer.tokenizer.encode(long))
    summary = summarizer.summarize([long], engine="graph")[0]
    assert summarizer.max_source_length == 48
    assert summary.tokens_dropped == tokens - 48
    assert summarizer.summarize(["Fox."], engine="graph")[0].tokens_dropped == 0


def test_options_and_progress(summarizer):
    done = []
    greedy = summarizer.summarize(
        TEXTS, batch_size=3, engine="graph", progress=done.append, num_beams=1, max_length=5
    )
    assert done == [3, 3, 3, 1]
    assert all(len(summarizer.tokenizer.encode(s.text)) <= 6 for s in greedy)


def test_loaded_from_a_directory(summarizer, model_directory):
    loaded = Summarizer.from_pretrained(model_directory)
    assert loaded.model.generation_config == summarizer.model.generation_config
    assert loaded.summarize(TEXTS[:3]) == summarizer.summarize(TEXTS[:3])


def test_streaming_reads_lazily(summarizer):
    read = []

    def texts():
        for text in TEXTS:
            read.append(text)
            yield text

    stream = summarizer.stream(texts(), batch_size=2, window=2, engine="graph")
    first = next(stream)
    assert read == TEXTS[:4]
    expected = summarizer.summarize(TEXTS, engine="graph")
    assert [s.text for s in (first, *stream)] == [s.text for s in expected]


def test_invalid_texts_do_not_affect_others(summarizer):
    texts = [TEXTS[0], "  ", TEXTS[1], b"bytes", None, TEXTS[2]]
    summaries = summarizer.summarize(texts, errors="keep", engine="graph")
    good = summarizer.summarize(TEXTS[:3], engine="graph")
    assert [summaries[i].text for i in (0, 2, 5)] == [s.text for s in good]
    assert [summaries[i].text for i in (1, 3, 4)] == ["", "", ""]
    assert "texts[1] is blank" in summaries[1].error
    assert "texts[3] must be a str, got bytes" in summaries[3].error
    assert summaries[0].error is None
    assert [s.error is None for s in summarizer.summarize([" "], errors="keep")] == [False]


# A zero-width space, a byte order mark, and both, normalize to nothing.
@pytest.mark.parametrize("nothing", ["\u200b", "\ufeff", " \u200b\ufeff\n"], ids=ascii)
def test_texts_that_normalize_to_nothing(summarizer, nothing):
    texts = [TEXTS[0], nothing]
    summaries = summarizer.summarize(texts, errors="keep", engine="graph")
    assert summaries[0].text == summarizer.summarize(TEXTS[:1], engine="graph")[0].text
    assert (summaries[1].text, summaries[1].score) == ("", 0.0)
    assert "texts[1] has no character that is text" in summaries[1].error
    with pytest.raises(ValueError, match=r"texts\[1\] has no character that is text"):
        summarizer.summarize(texts, engine="graph")
    with pytest.warns(UserWarning, match=r"texts\[0\] has no character that is text"):
        kept = summarizer.model.summarize([nothing], summarizer.tokenizer, errors="keep")
    assert kept == [""]


def test_half_of_a_surrogate_pair_is_its_text_s_error(summarizer):
    texts = [TEXTS[0], TEXTS[1], TEXTS[2], "A fox \ud83d", TEXTS[3]]
    stream = summarizer.stream(iter(texts), errors="keep", engine="graph", batch_size=2, window=1)
    summaries = list(stream)
    good = summarizer.summarize([*texts[:3], TEXTS[3]], engine="graph")
    assert [s.text for s in summaries if s.error is None] == [s.text for s in good]
    assert summaries[3].text == ""
    assert "texts[3] is not valid Unicode: the character 6 is half" in summaries[3].error
    with pytest.raises(ValueError, match=r"texts\[3\] is not valid Unicode"):
        summarizer.summarize(texts, engine="graph")


def test_the_model_summarizes_strings(summarizer, model_directory):
    model = TFPegasusForConditionalGeneration.from_pretrained(model_directory)
    expected = [s.text for s in summarizer.summarize(TEXTS, engine="graph")]
    assert model.summarize(TEXTS, engine="graph") == expected
    assert model.summarize(TEXTS[0], engine="graph") == expected[0]
    stream = model.summarize(iter(TEXTS), batch_size=3, stream=True, engine="graph")
    assert next(stream) == expected[0]
    assert list(stream) == expected[1:]
    with pytest.warns(UserWarning, match=r"texts\[0\] is blank"):
        kept = model.summarize(["", TEXTS[1]], errors="keep", engine="graph")
    assert kept == ["", expected[1]]
    with pytest.raises(ValueError, match=r"texts\[0\] is blank"):
        model.summarize(["", TEXTS[1]])
    assert model.tokenizer is model.tokenizer
    bare = TFPegasusForConditionalGeneration(model.config)
    with pytest.raises(ValueError, match="the model has no tokenizer"):
        bare.summarize(TEXTS)
    bare.tokenizer = model.tokenizer
    assert len(bare.summarize(TEXTS[:2], engine="graph")) == 2


def test_invalid_input(summarizer, tokenizer, tmp_path):
    assert summarizer.summarize([]) == []
    with pytest.raises(ValueError, match=r"texts\[1\] is blank"):
        summarizer.summarize(["x", " \n"])
    with pytest.raises(TypeError, match="must be a str"):
        summarizer.summarize([b"x"])
    with pytest.raises(ValueError, match="batch_size=0"):
        summarizer.summarize(["x"], batch_size=0)
    with pytest.raises(ValueError, match="errors='ignore' must be"):
        summarizer.summarize(["x"], errors="ignore")
    with pytest.raises(FileNotFoundError, match="no model directory"):
        Summarizer.from_pretrained(tmp_path / "none")
    small = TFPegasusForConditionalGeneration(tiny_config(vocab_size=60))
    with pytest.raises(ValueError, match="do not belong together"):
        Summarizer(small, tokenizer)
