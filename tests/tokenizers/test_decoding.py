import numpy as np
import pytest


def test_decode_takes_one_row(tokenizer):
    ids = tokenizer.encode("the fox")
    assert tokenizer.decode([ids]) == tokenizer.decode(np.array([ids])) == tokenizer.decode(ids)
    with pytest.raises(ValueError, match=r"the shape \(2, \d\), .* use batch_decode"):
        tokenizer.decode([ids, ids])


@pytest.mark.parametrize("ids", [None, "abc", [1.5], [None]])
def test_decode_refuses_what_are_no_ids(tokenizer, ids):
    with pytest.raises(TypeError, match="token_ids must be int, got"):
        tokenizer.decode(ids)
    assert tokenizer.decode([]) == ""
