"""Finds special and added tokens in texts in linear time."""

import re
from collections import deque
from collections.abc import Collection

from tf_pegasus.tokenizers.special_tokens import splitting_pattern

# A regular expression tries the tokens one after another. With more characters of them than that
# it may be slower than the automaton, which takes about 0.3 us for a character of the text.
_MOST_CHARACTERS_OF_PATTERN = 5_000


class TokenSearch:
    """Splits texts at tokens: at the first one, the longest of several that begin there.

    Args:
        spellings: the tokens, none of which is empty.
    """

    def __init__(self, spellings: Collection[str]):
        self._spellings = spellings
        self._pattern: re.Pattern[str] | None = None
        self._automaton: _Automaton | None = None
        if 0 < sum(map(len, spellings)) <= _MOST_CHARACTERS_OF_PATTERN:
            self._pattern = re.compile(splitting_pattern(spellings) or "")

    def split(self, text: str) -> list[str]:
        """Returns the text before, between and behind the tokens, and the tokens, in turns."""
        if self._pattern is not None:
            return self._pattern.split(text)
        if not self._spellings:
            return [text]
        if self._automaton is None:
            self._automaton = _Automaton(self._spellings)
        return self._automaton.split(text)


class _Automaton:
    """The automaton of Aho and Corasick (1975) over reversed tokens.

    It reads a text from the end, so that its state knows the longest token that begins at a
    character. A state is a number: 0 is the root, the others are prefixes of reversed tokens.
    """

    def __init__(self, spellings):
        self._next: list[dict[str, int]] = [{}]
        self._longest = [0]  # length of the longest token that ends in a state
        for spelling in spellings:
            state = 0
            for character in reversed(spelling):
                if character not in self._next[state]:
                    self._next[state][character] = len(self._next)
                    self._next.append({})
                    self._longest.append(0)
                state = self._next[state][character]
            self._longest[state] = len(spelling)
        self._failure = [0] * len(self._next)
        # By increasing length, because a state's failure is a shorter one.
        queue = deque(self._next[0].values())
        while queue:
            state = queue.popleft()
            for character, child in self._next[state].items():
                self._failure[child] = self._step(self._failure[state], character)
                queue.append(child)
            if not self._longest[state]:
                self._longest[state] = self._longest[self._failure[state]]

    def _step(self, state, character):
        while state and character not in self._next[state]:
            state = self._failure[state]
        return self._next[state].get(character, 0)

    def split(self, text):
        state = 0
        lengths = []  # of the longest token that begins at each character, from the end
        for character in reversed(text):
            state = self._step(state, character)
            lengths.append(self._longest[state])
        lengths.reverse()
        segments = []
        start = position = 0
        while position < len(text):
            length = lengths[position]
            if length:
                end = position + length
                segments += [text[start:position], text[position:end]]
                start = position = end
            else:
                position += 1
        return [*segments, text[start:]]
