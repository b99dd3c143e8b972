import pytest
import tensorflow as tf

from tf_pegasus.utils.shapes import Buckets


def padded_shape(buckets, batch, length):
    ids, mask = buckets.pad(
        tf.ones((batch, length), tf.int32), tf.ones((batch, length), tf.int32), 7
    )
    assert ids.shape == mask.shape
    return tuple(ids.shape)


def test_many_buckets_fit_closely():
    buckets = Buckets.many(500)
    assert buckets.length[:6] == (16, 24, 32, 48, 64, 96)
    assert buckets.longest == 500
    lengths = [padded_shape(buckets, 1, length)[1] for length in (1, 16, 17, 33, 400, 500)]
    assert lengths == [16, 16, 24, 48, 500, 500]
    assert [padded_shape(buckets, n, 1)[0] for n in (1, 2, 3, 9)] == [1, 2, 4, 16]
    assert Buckets.many(10).length == (10,)


def test_padding_is_masked():
    ids, mask = Buckets.many(100).pad(tf.ones((3, 5), tf.int32), tf.ones((3, 5), tf.int32), 7)
    assert ids.shape == mask.shape == (4, 16)
    assert (int(ids[3, 0]), int(mask[3, 0]), int(mask[2, 4])) == (7, 0, 1)


def test_few_buckets_cover_the_model_limit():
    buckets = Buckets.few(512)
    assert buckets.length == (64, 128, 256, 512)
    assert (buckets.most, buckets.longest) == (16, 512)
    assert Buckets.few(48).length == (16, 24, 48)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((1, 1), (8,)), ValueError, "batch_buckets=.* must ascend"),
        (((), (8,)), ValueError, "batch_buckets=.* must ascend"),
        (((0, 1), (8,)), ValueError, "must ascend, from at least 1"),
        (((1,), (8.0,)), TypeError, "length_buckets=.* must be ints"),
        (((1,), 8), TypeError, "length_buckets=8 must be ints"),
    ],
)
def test_invalid_buckets_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Buckets(*arguments)


def test_buckets_beyond_the_model_are_refused():
    with pytest.raises(ValueError, match="must not exceed the model's 64 tokens"):
        Buckets.few(64, length=(128,))
