import numpy as np


def test_the_decoder_does_not_look_ahead(model, batch):
    ids = batch["labels"].clip(0)
    changed = ids.copy()
    changed[:, 2:] = 3
    first = model(batch["input_ids"], decoder_input_ids=ids).logits
    second = model(batch["input_ids"], decoder_input_ids=changed).logits
    np.testing.assert_array_equal(first[:, :2], second[:, :2])
    assert not np.allclose(first[:, 2:], second[:, 2:])
