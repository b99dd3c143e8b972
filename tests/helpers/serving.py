"""Texts for the tests of exports."""

from helpers.tiny import SENTENCES

# Includes a NUL, a text that is too long, spellings of added tokens, and blank texts.
TEXTS = [*SENTENCES[:5], "Fox.", " ".join(SENTENCES), "\x00 odd \ud7ff 日本 <mask_1>", "", " \n"]


def decoded(strings):
    return [string.decode() for string in strings]
