import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus.generation.streams import _open


class Recorder:
    def __init__(self, fails=False):
        self.values, self.ended, self.fails = [], 0, fails

    def put(self, value):
        if self.fails and len(self.values) == 2:
            raise RuntimeError("the reader is gone")
        self.values.append(np.array(value))

    def end(self):
        self.ended += 1


@pytest.mark.parametrize("engine", ["eager", "graph", "auto"])
def test_tokens_arrive_in_order_with_the_prompt_first(golden, engine):
    # Three rows are padded to four, which the streamer does not see.
    source = {name: value[:3] for name, value in golden.source.items()}
    prompt = np.array([[0, 5], [0, 6], [0, 7]])
    options = {"decoder_input_ids": prompt, "max_length": 9, "engine": engine}
    recorder = Recorder()
    outputs = golden.model.generate(source, streamer=recorder, **options).numpy()
    np.testing.assert_array_equal(recorder.values[0], prompt)
    np.testing.assert_array_equal(np.stack(recorder.values[1:], axis=1), outputs[:, 2:])
    assert recorder.ended == 1
    np.testing.assert_array_equal(golden.model.generate(source, **options), outputs)


def test_calls_with_other_streamers_share_a_program(model):
    for _ in range(2):
        model.generate(np.array([[5]]), max_length=3, engine="graph", streamer=Recorder())
    assert len(model.programs) == 1
    assert not _open


@pytest.mark.parametrize("engine", ["eager", "graph"])
def test_a_failing_streamer_stops_the_search_and_is_ended(model, engine):
    recorder = Recorder(fails=True)
    with pytest.raises(Exception, match="the reader is gone"):
        model.generate(
            np.array([[5]]), max_length=9, min_length=8, engine=engine, streamer=recorder
        )
    assert recorder.ended == 1
    assert not _open


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"streamer": object()}, TypeError, r"must have the methods put\(tokens\) and end\(\)"),
        ({"streamer": Recorder(), "num_beams": 2}, ValueError, "streamer needs num_beams=1, got"),
        ({"streamer": Recorder(), "engine": "xla"}, ValueError, "streamer .* engine='xla'"),
    ],
)
def test_invalid_streamers_are_refused(model, options, error, message):
    with pytest.raises(error, match=message):
        model.generate(np.array([[5]]), **options)


def test_a_traced_function_cannot_stream(model):
    @tf.function
    def function(ids):
        return model.generate(ids, streamer=Recorder())

    with pytest.raises(ValueError, match=r"streamer cannot be used inside a tf\.function"):
        function(tf.constant([[5]]))
