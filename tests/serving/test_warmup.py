import pytest

from tf_pegasus.serving.warmup import read_warmup_requests, text_of


def test_warmup_covers_every_bucket(served, tokenizer):
    buckets = {name: served.manifest[f"{name}_buckets"] for name in ("batch", "length")}
    pairs = {(batch, length) for batch in buckets["batch"] for length in buckets["length"]}
    extra = served.path / "assets.extra"
    for suffix in ("", "_xla"):
        seen, others = set(), set()
        for signature, inputs in read_warmup_requests(
            extra / f"tf_serving_warmup_requests{suffix}"
        ):
            if signature != "serving_default" + suffix:
                others.add(signature)
                continue
            (text,) = set(inputs["text"].numpy())
            tokens = len(tokenizer.encode(text.decode()))
            length = min(bucket for bucket in buckets["length"] if bucket >= tokens)
            seen.add((len(inputs["text"]), length))
        assert seen == pairs
        if not suffix:
            assert others == {"summarize_n", "generate_ids", "score", "encode", "tokenize"}
    assert served.warm_up() == 2 * (len(pairs) + 2) + 3


@pytest.mark.parametrize("tokens", [1, 2, 3, 16, 47, 48])
def test_texts_have_the_requested_length(tokenizer, tokens):
    length = len(tokenizer.encode(text_of(tokenizer, tokens)))
    assert length <= max(tokens, 2)
    assert length >= tokens - 1


def test_damaged_warmup_requests_are_refused(tmp_path):
    (tmp_path / "requests").write_bytes(b"\x05 nonsense of some length")
    with pytest.raises(ValueError, match="is not a file of requests"):
        list(read_warmup_requests(tmp_path / "requests"))
    with pytest.raises(ValueError, match="is not a file of requests"):
        list(read_warmup_requests(tmp_path / "none"))
