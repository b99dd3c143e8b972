"""Makes goldens of the calls of Hugging Face's PEGASUS tokenizers, slow and fast.

Run in an environment with transformers 4.57.6 and sentencepiece 0.2.1:

    reference/bin/python tools/goldens/make_tokenizer_call_goldens.py

transformers 4.34.1 returns the same: with `--check` the script makes nothing, but compares.
"""

import argparse
import json
import tempfile
from pathlib import Path

from transformers import PegasusTokenizer, PegasusTokenizerFast

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"
VOCABULARY = GOLDENS.parents[1] / "saved_models" / "debian-synopsis" / "spiece.model"
ADDED = ["covfefe", "émigré", "<sep>"]

LONG = "A text of some length, to be cut; it has more than one part."
SHORT = "Short text."
TWO = [LONG, SHORT]
WORDS = ["the", "quick fox", "", "covfefe", "naïve-ly"]
PAIRS = [[LONG, SHORT], [SHORT, LONG]]

LEFT = {"padding_side": "left"}
CUT = {"truncation": True, "max_length": 8}
OVERFLOW = {**CUT, "return_overflowing_tokens": True}

# Attributes of the tokenizer, positional arguments, and options of a call.
CALLS = [
    *[[{}, [TWO], {"padding": padding}] for padding in (True, "longest", "do_not_pad")],
    [LEFT, [TWO], {"padding": True}],
    [LEFT, [TWO], {"padding": "max_length", "max_length": 30, "return_special_tokens_mask": True}],
    [LEFT, [TWO], {"padding": True, "pad_to_multiple_of": 8}],
    [LEFT, [LONG, SHORT], {"padding": "max_length", "max_length": 40, "pad_to_multiple_of": 16}],
    [{"truncation_side": "left"}, [TWO], CUT],
    [{"truncation_side": "left", **LEFT}, [TWO], {**CUT, "padding": "max_length"}],
    *[
        [{"truncation_side": side}, pair, {"truncation": strategy, "max_length": length}]
        for side in ("left", "right")
        for pair in PAIRS
        for strategy, length in (("longest_first", 7), ("longest_first", 8))
    ],
    [{"truncation_side": "left"}, PAIRS[0], {"truncation": "only_first", "max_length": 9}],
    [{"truncation_side": "left"}, PAIRS[1], {"truncation": "only_second", "max_length": 9}],
    *[
        [{"truncation_side": side}, [text], {**OVERFLOW, "stride": stride}]
        for side in ("left", "right")
        for text in (LONG, TWO)
        for stride in (0, 2, 6)
    ],
    [LEFT, [TWO], {**OVERFLOW, "padding": True, "return_length": True}],
    *[
        [
            {"truncation_side": side},
            pair,
            {**OVERFLOW, "truncation": strategy, "max_length": 10, "stride": 1},
        ]
        for side in ("left", "right")
        for pair, strategy in ((PAIRS[0], "only_first"), (PAIRS[1], "only_second"))
    ],
    [{}, [TWO], {"return_length": True}],
    [{}, [SHORT], {"return_length": True}],
    [{}, [SHORT], {"return_special_tokens_mask": True, "add_special_tokens": False}],
    *[
        [{}, ["a <mask_1> b</s>"], {"return_special_tokens_mask": True, "add_special_tokens": add}]
        for add in (True, False)
    ],
    [{}, [WORDS], {"is_split_into_words": True}],
    [{}, [[WORDS, ["a"]]], {"is_split_into_words": True, "padding": True}],
    [{}, [WORDS, ["of", "it"]], {"is_split_into_words": True, "return_length": True}],
    [{}, [WORDS], {"is_split_into_words": True, **OVERFLOW, "max_length": 5, "stride": 1}],
]
# Pairs of which both overflow: only the fast tokenizer returns what is cut off.
FAST_CALLS = [
    [{"truncation_side": side}, [LONG, text], {**OVERFLOW, "max_length": length, "stride": 1}]
    for side in ("left", "right")
    for text in (LONG, SHORT)
    for length in (10, 11)
]
# Texts without runs of white space and combining marks, in which the libraries count differently.
ALIGNED = [
    *[
        [text, {}]
        for text in (LONG, " the quick\tfox ", "don't (stop)", "日x 日本 🎉🎉 ok", "½ ﬁne")
    ],
    ["a <mask_1> b</s>c<mask_2>the <unk>", {}],
    ["covfefe the covfefecovfefe<sep>émigré", {}],
    [LONG, {"truncation": True, "max_length": 6}],
    [SHORT, {"padding": "max_length", "max_length": 8}],
    [WORDS, {"is_split_into_words": True}],
    [["日本", "ok<sep>"], {"is_split_into_words": True}],
]
ROLES = {"bos_token": "<s>", "cls_token": "▁the", "sep_token": "[SEP]"}
CONSTRUCTED = [
    {},
    ROLES,
    {"offset": 0, "mask_token": "[MASK]", "mask_token_sent": None},
    {"mask_token_sent": "<m>"},
    {"additional_special_tokens": ["<new>"]},
    {"model_max_length": 12, **LEFT, "truncation_side": "left"},
]
ROLE_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token")


def call(tokenizer, attributes, arguments, options):
    for name in ("padding_side", "truncation_side"):
        setattr(tokenizer, name, attributes.get(name, "right"))
    return [attributes, arguments, options, dict(tokenizer(*arguments, **options))]


def aligned(fast, text, options):
    """Everything that the fast tokenizer says about the places of tokens in a text."""
    encoding = fast(text, return_offsets_mapping=True, **options)
    ids = encoding["input_ids"]
    words = [word for word in encoding.word_ids() if word is not None]
    size = max(end for _, end in encoding["offset_mapping"])
    return {
        "text": text,
        "options": options,
        "entries": dict(encoding),
        "tokens": encoding.tokens(),
        "word_ids": encoding.word_ids(),
        "sequence_ids": encoding.sequence_ids(),
        "token_to_chars": [encoding.token_to_chars(token) for token in range(len(ids))],
        "char_to_token": [encoding.char_to_token(place) for place in range(size)],
        "char_to_word": [encoding.char_to_word(place) for place in range(size)],
        "word_to_tokens": [encoding.word_to_tokens(word) for word in range(max(words) + 1)],
        # Of an empty word it returns no tokens, and then fails at its characters.
        "word_to_chars": [encoding.word_to_chars(word) for word in sorted(set(words))],
    }


def constructed(options):
    tokenizer = PegasusTokenizer(str(VOCABULARY), **options)
    names = (*ROLE_NAMES, "mask_token")
    return {
        "options": options,
        "length": len(tokenizer),
        "vocab_size": tokenizer.vocab_size,
        "ids": {name: getattr(tokenizer, name + "_id") for name in names},
        "text": tokenizer("the [MASK] <s>fox[SEP] <new><m>")["input_ids"],
        "cut": tokenizer(LONG, truncation=True, max_length=6)["input_ids"],
        "additional": tokenizer.additional_special_tokens,
        "additional_ids": tokenizer.additional_special_tokens_ids,
        "decoder": {
            str(index): [token.content, token.special]
            for index, token in tokenizer.added_tokens_decoder.items()
        },
    }


def files(names):
    """Ids with additional special tokens that stand in only one file."""
    with tempfile.TemporaryDirectory() as directory:
        PegasusTokenizer(str(VOCABULARY)).save_pretrained(directory)
        for path in Path(directory).glob("*.json"):
            values = json.loads(path.read_text()) if path.name in names else {}
            values.pop("added_tokens_decoder", None)
            if values:
                values["additional_special_tokens"] = [
                    *values.get("additional_special_tokens", ()),
                    "<new>",
                    "<other>",
                ]
            path.write_text(json.dumps(values))
        tokenizer = PegasusTokenizer.from_pretrained(directory)
        return {
            "files": names,
            "ids": tokenizer("the<new>fox <other>")["input_ids"],
            "length": len(tokenizer),
        }


def made():
    slow = PegasusTokenizer(str(VOCABULARY))
    with tempfile.TemporaryDirectory() as directory:
        slow.save_pretrained(directory)
        fast = PegasusTokenizerFast.from_pretrained(directory)
    for tokenizer in (slow, fast):
        tokenizer.add_tokens(ADDED)
    goldens = {
        "slow": [call(slow, *case) for case in CALLS],
        "fast": [call(fast, *case) for case in (*CALLS, *FAST_CALLS)],
        "aligned": [aligned(fast, *case) for case in ALIGNED],
        "constructed": [constructed(options) for options in CONSTRUCTED],
        "files": [files([name]) for name in ("special_tokens_map.json", "tokenizer_config.json")],
    }
    ids = slow.convert_tokens_to_ids(slow.tokenize(LONG))
    goldens["prepared"] = [
        [[ids, other, options], dict(slow.prepare_for_model(ids, other, **options))]
        for other, options in (
            (None, {}),
            (None, {**CUT, "stride": 2, "return_overflowing_tokens": True, "return_length": True}),
            ([7, 8], {"padding": "max_length", "max_length": 24}),
        )
    ]
    return json.loads(json.dumps(goldens))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    path = GOLDENS / "tokenizer-calls.json"
    goldens = made()
    if parser.parse_args().check:
        known = json.loads(path.read_text())
        different = [name for name in known if known[name] != goldens[name]]
        print(f"different: {different}")
        return
    path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
