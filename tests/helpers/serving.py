"""Texts that an export is asked about."""

from helpers.tiny import SENTENCES

# Bytes no text has, a NUL, a long text, added tokens' spellings, nothing at all.
TEXTS = [*SENTENCES[:5], "Fox.", " ".join(SENTENCES), "\x00 odd \ud7ff 日本 <mask_1>", "", " \n"]


def decoded(strings):
    return [string.decode() for string in strings]
