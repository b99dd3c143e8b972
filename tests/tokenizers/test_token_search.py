import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_pegasus.tokenizers import token_search
from tf_pegasus.tokenizers.special_tokens import splitting_pattern
from tf_pegasus.tokenizers.token_search import TokenSearch


@given(
    st.sets(st.text("ab<日", min_size=1, max_size=5), max_size=8), st.text("ab<日\n", max_size=40)
)
def test_the_automaton_splits_as_the_pattern(spellings, text):
    pattern = splitting_pattern(spellings)
    expected = [text] if pattern is None else re.split(pattern, text)
    assert TokenSearch(spellings).split(text) == expected
    assert token_search._Automaton(spellings).split(text) == expected


@pytest.mark.parametrize(
    "spellings",
    [
        pytest.param(["a" * n + "b" for n in range(1, 900)], id="all begin as the text"),
        pytest.param(["a" + chr(0x4E00 + n) * 6 for n in range(9_800)], id="same first letter"),
        pytest.param(["a", "a" * 900 + "b"] + [f"w{n}" for n in range(2_000)], id="a long one"),
    ],
)
def test_texts_of_the_tokens_first_letter_take_linear_time(spellings):
    search = TokenSearch(spellings)
    search.split("")
    start = time.process_time()
    assert "".join(search.split("a" * 100_000)) == "a" * 100_000
    # It takes 0.05 s; as one regular expression 7 to 280 s.
    assert time.process_time() - start < 2
