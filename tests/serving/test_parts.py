import numpy as np
from helpers.serving import TEXTS


def test_many_rows_are_computed_in_parts_and_keep_their_order(served, summarizer):
    """More rows than the largest bucket, long and short ones mixed."""
    texts = [TEXTS[i % len(TEXTS)] for i in range(11)]
    parts = served.call(text=texts)
    one_by_one = [served.call(text=[text]) for text in texts]
    for name in ("summary", "truncated"):
        assert parts[name].tolist() == [answer[name][0] for answer in one_by_one]
    np.testing.assert_allclose(
        parts["score"], [a["score"][0] for a in one_by_one], rtol=1e-5, atol=1e-5
    )
