import pytest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": 1}, "padding=1 must be one of"),
        ({"padding": ["longest"]}, r"padding=\['longest'\] must be one of"),
        ({"truncation": 1.0}, "truncation=1.0 must be one of"),
        ({"max_length": True}, "max_length=True must be an int of at least 1"),
        ({"stride": -1}, "stride=-1 must be an int of at least 0"),
        ({"stride": None}, "stride=None must be an int of at least 0"),
        ({"stride": 2}, "stride=2 has an effect only with return_overflowing_tokens=True"),
        ({"pad_to_multiple_of": 0}, "pad_to_multiple_of=0 must be an int of at least 1"),
        ({"padding_side": "middle"}, "padding_side='middle' must be one of"),
        ({"truncation_side": 1}, "truncation_side=1 must be one of"),
        (
            {"padding": True, "truncation": True, "max_length": 10, "pad_to_multiple_of": 8},
            "max_length=10 must be a multiple of pad_to_multiple_of=8",
        ),
        ({"return_tensors": "tensor"}, "return_tensors='tensor' must be None, 'np' or 'tf'$"),
    ],
)
def test_invalid_options(tokenizer, options, message):
    with pytest.raises(ValueError, match=message):
        tokenizer("the fox", **options)


def test_widths_beyond_max_length_without_truncation(tokenizer):
    # As in the reference implementation, which refuses it only together with truncation.
    options = {"padding": "max_length", "max_length": 10, "pad_to_multiple_of": 8}
    assert len(tokenizer("the fox", **options).input_ids) == 16


def test_model_max_length_must_be_a_multiple_too(vocab_file):
    from tf_pegasus import PegasusTokenizer

    limited = PegasusTokenizer(vocab_file, model_max_length=10)
    with pytest.raises(ValueError, match="max_length=10 must be a multiple"):
        limited(["the fox"], padding=True, truncation=True, pad_to_multiple_of=4)


def test_a_limit_beyond_all_texts_is_none(vocab_file):
    from tf_pegasus import PegasusTokenizer

    unlimited = PegasusTokenizer(vocab_file, model_max_length=int(1e30))
    assert unlimited.model_max_length is unlimited.max_len_single_sentence is None
    unlimited.model_max_length = int(1e30)
    with pytest.raises(ValueError, match="max_length must be given"):
        unlimited("the fox", padding="max_length")
