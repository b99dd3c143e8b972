import tensorflow as tf

from tf_pegasus.utils.shapes import SIZES, bucket, pad_to_bucket


def test_sizes_are_rounded_up_to_buckets():
    assert SIZES["length"][:6].tolist() == [16, 24, 32, 48, 64, 96]
    assert [int(bucket(n, "length")) for n in (1, 16, 17, 33, 500)] == [16, 16, 24, 48, 512]
    assert [int(bucket(n, "length", 40)) for n in (1, 33, 40)] == [16, 40, 40]
    assert [int(bucket(n, "batch")) for n in (1, 2, 3, 9)] == [1, 2, 4, 16]
    ids, mask = pad_to_bucket(tf.ones((3, 5), tf.int32), tf.ones((3, 5), tf.int32), 7, 100)
    assert ids.shape == mask.shape == (4, 16)
    assert (int(ids[3, 0]), int(mask[3, 0]), int(mask[2, 4])) == (7, 0, 1)
