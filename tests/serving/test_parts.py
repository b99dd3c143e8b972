import numpy as np
from helpers.serving import TEXTS


def test_many_rows_are_served_in_parts_and_in_order(served, summarizer):
    """More rows than the largest bucket, long and short ones mixed."""
    texts = [TEXTS[i % len(TEXTS)] for i in range(11)]
    parts = served.call(text=texts)
    one_by_one = [served.call(text=[text]) for text in texts]
    for name in ("summary", "truncated"):
        assert parts[name].tolist() == [answer[name][0] for answer in one_by_one]
    np.testing.assert_allclose(
        parts["score"], [a["score"][0] for a in one_by_one], rtol=1e-5, atol=1e-5
    )
