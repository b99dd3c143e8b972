import threading

import numpy as np
import pytest

from tf_pegasus.generation.streamers import TextIteratorStreamer, TextStreamer


class Words:
    """A tokenizer of one word, or part of a word, per id."""

    parts = ("", "A", " fox", " jump", "s", ".", "\n", "日", "本")

    def decode(self, ids, upper=False):
        text = "".join(self.parts[index] for index in ids)
        return text.upper() if upper else text


class Parts(TextStreamer):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.parts = []

    def on_finalized_text(self, text, stream_end=False):
        self.parts.append((text, stream_end))


def stream(streamer, prompt, tokens):
    streamer.put(np.array([prompt]))
    for token in tokens:
        streamer.put(np.array([token]))
    streamer.end()


def test_words_are_delivered_once_they_are_complete():
    streamer = Parts(Words())
    stream(streamer, [0], [1, 2, 3, 4, 5])
    assert streamer.parts == [("A ", False), ("fox ", False), ("jumps.", True)]


def test_lines_and_scripts_without_spaces_are_delivered_at_once():
    streamer = Parts(Words())
    stream(streamer, [0], [1, 6, 7, 8])
    assert streamer.parts == [("A\n", False), ("日", False), ("本", False), ("", True)]


def test_the_prompt_can_be_skipped_and_the_streamer_used_again():
    streamer = Parts(Words(), skip_prompt=True, upper=True)
    for _ in range(2):
        stream(streamer, [1, 2], [3, 4])
        assert "".join(text for text, _ in streamer.parts) == " JUMPS"
        streamer.parts.clear()


def test_text_is_printed(capsys):
    stream(TextStreamer(Words()), [0], [1, 2, 5])
    assert capsys.readouterr().out == "A fox.\n"


def test_several_outputs_are_refused():
    with pytest.raises(ValueError, match="TextStreamer takes one output, got 2"):
        TextStreamer(Words()).put(np.zeros((2, 1), int))


def test_another_thread_iterates():
    streamer = TextIteratorStreamer(Words(), timeout=10)
    thread = threading.Thread(target=stream, args=(streamer, [0], [1, 2, 3, 4]))
    thread.start()
    assert "".join(streamer) == "A fox jumps"
    thread.join()


@pytest.mark.parametrize("engine", ["eager", "graph"])
def test_summaries_are_streamed(summarizer, engine):
    streamer = TextIteratorStreamer(summarizer.tokenizer, skip_special_tokens=True)
    ids = summarizer.tokenizer(["The server answers."], return_tensors="np")
    options = {"num_beams": 1, "engine": engine, "max_length": 9, "streamer": streamer}
    outputs = summarizer.model.generate(**ids, **options)
    expected = summarizer.tokenizer.decode(outputs[0], skip_special_tokens=True)
    assert "".join(streamer) == expected
    assert expected
