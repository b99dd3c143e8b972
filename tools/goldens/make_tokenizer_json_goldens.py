"""Makes goldens of the tokenizer files that transformers 5 writes, and of their ids.

Run first in an environment with transformers 4.57 and sentencepiece 0.2.1 (its slow tokenizer
returns the ids), then in one with transformers 5 (without PyTorch):

    PYTHONPATH=tests four/bin/python tools/goldens/make_tokenizer_json_goldens.py SCRATCH
    PYTHONPATH=tests five/bin/python tools/goldens/make_tokenizer_json_goldens.py SCRATCH
"""

import json
import sys
from pathlib import Path

import transformers
from helpers.texts import TEXTS
from transformers import PegasusTokenizer

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"
SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "A small program keeps track of the hours you spend on your projects.",
    "Reports can be written as plain text or as a table for a spreadsheet.",
    "Numbers such as 1, 22, 333 and 4,444 appear; so do (brackets) and ﬁne Ａ letters.",
]
# Full-width letters and white space: a thousandth of the rules of the released models.
RULES = {0x09: " ", 0x0A: " ", 0x3000: " ", 0xFF21: "A", 0xFF41: "a", 0xFB01: "fi"}
ADDED_TEXTS = [
    "the covfefe of émigré life",
    "covfefecovfefe<sep>covfefe",
    "<mask_1> a <mask_2><n>the fox <unk_7><unk>",
    "line<n>line\nline\ttab　wide",
    "ＡＡ ﬁne",
]


def train(path):
    import sentencepiece

    rules = path.parent / "rules.tsv"
    lines = (f"{code:X}\t{' '.join(f'{ord(c):X}' for c in to)}" for code, to in RULES.items())
    rules.write_text("\n".join(lines) + "\n")
    with open(path, "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES * 20),
            model_writer=file,
            model_type="unigram",
            vocab_size=88,
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            pad_piece="<pad>",
            eos_piece="</s>",
            unk_piece="<unk>",
            user_defined_symbols=["<n>"],
            normalization_rule_tsv=str(rules),
            minloglevel=2,
        )


def first(scratch):
    """Runs with transformers 4: writes the vocabulary, the slow tokenizer's files, and the ids."""
    vocabulary = scratch / "plain" / "spiece.model"
    vocabulary.parent.mkdir(parents=True, exist_ok=True)
    train(vocabulary)
    tokenizer = PegasusTokenizer(str(vocabulary), model_max_length=64)
    goldens = {"texts": [*TEXTS, *ADDED_TEXTS]}
    goldens["plain"] = tokenizer(goldens["texts"])["input_ids"]
    tokenizer.add_tokens(["covfefe", "émigré"])
    special = [*tokenizer.additional_special_tokens, "<sep>"]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    goldens["added"] = tokenizer(goldens["texts"])["input_ids"]
    tokenizer.save_pretrained(scratch / "added")
    text = json.dumps(goldens, separators=(",", ":"))
    (GOLDENS / "tokenizer-transformers5.json").write_text(text + "\n")


def second(scratch):
    """Runs with transformers 5: converts both, the second with swapped mask tokens."""
    for name in ("plain", "added"):
        tokenizer = PegasusTokenizer.from_pretrained(scratch / name)
        tokenizer.save_pretrained(GOLDENS / f"tokenizer-transformers5-{name}")


def main():
    scratch = Path(sys.argv[1])
    (first if transformers.__version__.startswith("4.") else second)(scratch)


if __name__ == "__main__":
    main()
