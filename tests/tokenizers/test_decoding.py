import numpy as np
import pytest


def test_decode_takes_one_row(tokenizer):
    ids = tokenizer.encode("the fox")
    assert tokenizer.decode([ids]) == tokenizer.decode(np.array([ids])) == tokenizer.decode(ids)
    with pytest.raises(ValueError, match=r"the shape \(2, \d\), .* use batch_decode"):
        tokenizer.decode([ids, ids])
