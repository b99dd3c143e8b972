import keras
import numpy as np
import pytest

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.training.averaging import KeepLast, WeightAverage, average_checkpoints


class Recorder(keras.callbacks.Callback):
    """The weight after each step, at the validation's end, and after the epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.validated, self.ends = [], [], []

    def _weight(self):
        return self.model.get_weights()[0].item()

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self._weight())

    def on_test_end(self, logs=None):
        self.validated.append(self._weight())

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(self._weight())


def test_validation_has_the_moving_average_and_training_goes_on_without():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.3), "mse", jit_compile=False)
    average, recorder = WeightAverage(model, 0.25), Recorder()
    expected = model.get_weights()[0].item()
    x, y = np.ones((3, 1), "float32"), np.full((3, 1), 7.0, "float32")
    model.fit(x, y, 1, 2, 0, validation_data=(x, y), callbacks=[average, recorder], shuffle=False)
    averages = []
    for step, weight in enumerate(recorder.steps, 1):
        momentum = min(0.25, step / (step + 9))
        expected = momentum * expected + (1 - momentum) * weight
        averages.append(expected)
    np.testing.assert_allclose(recorder.validated, averages[2::3], rtol=1e-6)
    # What comes after it in the list sees the average, too; the next step does not.
    assert recorder.ends == recorder.validated
    kept = model.get_weights()[0].item()
    average.put_back()
    assert model.get_weights()[0].item() == recorder.steps[-1] != kept
    # Without the average, the weight comes nearer to 7 by a constant factor.
    distances = 7 - np.array(recorder.steps)
    np.testing.assert_allclose(distances[1:] / distances[:-1], 0.4, rtol=1e-4)


def test_average_of_saved_models(model, tmp_path):
    weights = []
    for name in ("a", "b", "c"):
        weights.append([weight + len(weights) for weight in model.get_weights()])
        model.set_weights(weights[-1])
        model.save_pretrained(tmp_path / name)
    found = average_checkpoints([tmp_path / name for name in "abc"], tmp_path / "average")
    again = TFPegasusForConditionalGeneration.from_pretrained(tmp_path / "average")
    for a, b, *each in zip(found.get_weights(), again.get_weights(), *weights, strict=True):
        np.testing.assert_array_equal(a, b)
        # The row of pad is zero in every file.
        np.testing.assert_allclose(a[1:], np.mean(each, axis=0)[1:], atol=1e-6)
    with pytest.raises(ValueError, match="an average needs at least two models, got 1"):
        average_checkpoints([tmp_path / "a"], tmp_path / "b")


def test_the_last_models_are_kept(tmp_path):
    def run(epochs, done):
        last = KeepLast(lambda path: path.mkdir(parents=True), tmp_path / "last", 2, done)
        last.on_train_begin()
        for epoch in epochs:
            last.on_epoch_end(epoch)
        return [path.name for path in last.directories]

    assert run(range(11), 0) == ["10", "11"]
    # The 11th was killed before it was done for good.
    assert run([10], 10) == ["10", "11"]
    assert run([], 11) == ["10", "11"]
