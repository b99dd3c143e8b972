"""Makes goldens of Hugging Face's PEGASUS tokenizers, slow and fast, on the texts of the tests.

Run in the environment of `make_goldens.py`, with sentencepiece 0.2.1 and protobuf:

    PYTHONPATH=tests reference/bin/python tools/goldens/make_tokenizer_goldens.py
"""

import json
import tempfile
from pathlib import Path

from helpers.texts import TEXTS, generated
from transformers import PegasusTokenizer, PegasusTokenizerFast

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"
VOCABULARY = GOLDENS.parents[1] / "saved_models" / "debian-synopsis" / "spiece.model"
ADDED = ["<sep>", "covfefe", "émigré"]
ADDED_TEXTS = [
    "the covfefe of émigré life",
    "covfefecovfefe<sep>covfefe",
    " <sep> a <sep>",
    "<mask_1><sep></s>",
]
PAIRS = [("The first text is long enough.", "The second."), ("A", "B C D E F G")]
CALLS = [
    {"padding": True},
    {"padding": "max_length", "max_length": 12, "truncation": True},
    {"max_length": 6},
    {"truncation": "only_first", "max_length": 9},
    {"padding": "longest", "pad_to_multiple_of": 8},
    {"add_special_tokens": False},
    {"return_special_tokens_mask": True},
]


def pair_cases(tokenizer):
    cases = []
    for strategy in (True, "only_first", "only_second"):
        for first, second in PAIRS:
            options = {"truncation": strategy, "max_length": 7}
            try:
                ids = tokenizer(first, second, **options)["input_ids"]
            except Exception:  # ours may raise if the reference implementation does
                continue
            # It logs an error and returns the ids unchanged if one text cannot be truncated enough.
            if len(ids) <= 7:
                cases.append([first, second, options, ids])
    cases += [[first, second, {}, tokenizer(first, second)["input_ids"]] for first, second in PAIRS]
    return cases


def describe(tokenizer, texts):
    rows = tokenizer(texts)["input_ids"]
    two = ["A text of some length, to be cut.", "Short."]
    calls = [[options, dict(tokenizer(two, **options))] for options in CALLS]
    described = {
        "ids": rows,
        "decoded": tokenizer.batch_decode(rows, skip_special_tokens=True),
        "decoded_whole": tokenizer.batch_decode(rows, skip_special_tokens=False),
        "cleaned": tokenizer.batch_decode(
            rows, skip_special_tokens=True, clean_up_tokenization_spaces=True
        ),
        "tokens": [tokenizer.convert_ids_to_tokens(row) for row in rows[:40]],
        "strings": [
            tokenizer.convert_tokens_to_string(tokenizer.convert_ids_to_tokens(row))
            for row in rows[:12]
        ],
        "special_mask": tokenizer.get_special_tokens_mask([0, 2, 104, 105, 106, 500]),
        "built": tokenizer.build_inputs_with_special_tokens([7, 8], [9]),
        "token_ids": tokenizer.convert_tokens_to_ids(["<mask_1>", "▁the", "no such", "</s>"]),
        "vocab_size": tokenizer.vocab_size,
        "vocab": sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])[:200],
        "targets": dict(tokenizer(two, text_target=["Sum.", "It up."])),
        "calls": calls,
        "pairs": pair_cases(tokenizer),
    }
    added = tokenizer.add_tokens(ADDED)
    rows = tokenizer(ADDED_TEXTS)["input_ids"]
    described["added"] = {
        "new": added,
        "length": len(tokenizer),
        "ids": rows,
        "decoded": tokenizer.batch_decode(rows, skip_special_tokens=True),
        "decoded_whole": tokenizer.batch_decode(rows, skip_special_tokens=False),
    }
    return described


def main():
    texts = [*TEXTS, *generated(200, seed=1)]
    slow = PegasusTokenizer(str(VOCABULARY))
    goldens = {"slow": describe(slow, texts)}
    with tempfile.TemporaryDirectory() as directory:
        PegasusTokenizer(str(VOCABULARY)).save_pretrained(directory)
        fast = PegasusTokenizerFast.from_pretrained(directory)
        # Only texts on which they agree: for odd Unicode the library differs from sentencepiece.
        goldens["fast"] = {"ids": fast(TEXTS)["input_ids"]}
    named = PegasusTokenizer(str(VOCABULARY), additional_special_tokens=["<new>"])
    goldens["additional"] = {
        "ids": named("a <new> b")["input_ids"],
        "decoded": named.decode(named("a <new> b")["input_ids"], skip_special_tokens=True),
    }
    path = GOLDENS / "tokenizer.json"
    path.write_text(json.dumps(goldens, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
