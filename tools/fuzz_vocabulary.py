"""Feeds hostile vocabularies to the tokenizers, in a process of its own that may die.

    python tools/fuzz_vocabulary.py --count 5000
    python tools/fuzz_vocabulary.py --seconds 3600
    python tools/fuzz_vocabulary.py --count 300 --unchecked

A small vocabulary is damaged with its structure in mind: pieces, scores, types, the character
map's trie and strings, the trainer's fields, self tests, and the protobuf around them. Each is
read as `spiece.model`, inside `tokenizer.json`, and by the layer, and tokenizes texts of all of
Unicode. A vocabulary may be refused with a `ValueError`, or work; anything else is a failure:
another exception, a crash, a hang, or gigabytes of memory. `--unchecked` leaves out the check,
and so shows what the native libraries make of such vocabularies.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import base64
import functools
import io
import json
import random
import tempfile
from pathlib import Path

import fuzzing

SECONDS = 30
MEMORY = 3 * 2**30
WAYS = ("spiece.model", "tokenizer.json", "layer")
# Kinds of damage to a piece, and to a character map.
PIECES = (
    *("NUL", "empty", "long", "many long", "all of one letter", "invalid", "twice", "type"),
    *("gone", "only special", "reserved word", "space", "bytes", "wide"),
)
MAPS = (
    *("unit", "units", "offset", "root", "value", "values", "size", "cut", "strings"),
    *("no end", "long", "bits", "random", "circle"),
)
SENTENCES = ["The quick brown fox jumps over the lazy dog.", "A mill stood empty by 1901."]


# Damage


def base_models():
    """Serialized models to damage: unigram, with byte fallback, and BPE."""
    import sentencepiece

    models = []
    for options in (
        {"model_type": "unigram", "user_defined_symbols": ["<n>"]},
        {"model_type": "unigram", "byte_fallback": True, "vocab_size": 340},
        {"model_type": "bpe"},
    ):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES * 20),
            model_writer=model,
            **{"vocab_size": 60, "hard_vocab_limit": False, **options},
            **{"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "pad_piece": "<pad>"},
            minloglevel=2,
        )
        models.append(model.getvalue())
    return models


def damaged(content, source):
    """Damages a serialized model once to three times; returns it and what was done."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(content)
    done = []
    for _ in range(source.choice((1, 1, 2, 3))):
        if not proto.pieces:
            break
        damage = source.choice((_piece, _piece, _score, _charsmap, _charsmap, _fields, _self_test))
        done.append(damage(proto, source))
    content = proto.SerializeToString()
    # Not UTF-8, which the proto's Python side does not let in.
    content = content.replace(b"@@invalid@@", b"\xff\xfe\xc0\x80\xed\xa0\x80\xf5()*")
    if source.random() < 0.15:
        content, what = _wire(content, source)
        done.append(what)
    return content, "; ".join(done)


def _piece(proto, source):
    place = source.randrange(len(proto.pieces))
    piece = proto.pieces[place]
    kind = source.choice(PIECES)
    if kind == "NUL":
        piece.piece = source.choice(("\0", "a\0b", piece.piece + "\0", "\0" * 9))
    elif kind == "empty":
        piece.piece = ""
    elif kind == "long":
        piece.piece = source.choice("ab日") * source.choice((200, 1000, 1024, 5000, 10**6))
    elif kind == "many long":
        for i in range(300):
            proto.pieces.add(piece=f"{i:03}" + "x" * 1000, score=-1.0)
    elif kind == "all of one letter":
        for i in range(2, 1000, 7):
            proto.pieces.add(piece="q" * i, score=-source.random(), type=source.choice((1, 4, 5)))
    elif kind == "invalid":
        piece.piece = "@@invalid@@"
    elif kind == "twice":
        piece.piece = source.choice(proto.pieces).piece
    elif kind == "type":
        piece.type = source.choice((1, 2, 3, 4, 5, 6))
    elif kind == "gone":
        del proto.pieces[source.randrange(len(proto.pieces)) :]
        proto.pieces.add(piece="x")
    elif kind == "only special":
        for other in proto.pieces[3:]:
            other.type = source.choice((3, 4, 5))
    elif kind == "reserved word":
        piece.piece = source.choice(("</s>", "<unk>", "<0x41>", "<mask_1>", "<unk_7>", "<s>"))
    elif kind == "space":
        piece.piece = source.choice((" ", "▁", "▁▁▁", "\n", "a b", " a"))
    elif kind == "bytes":
        for byte in range(source.choice((5, 256))):
            proto.pieces.add(piece=f"<0x{byte:02X}>", type=source.choice((1, 3, 6)))
    else:
        piece.piece = source.choice(("\U0010ffff", "日" * 300, "\u0301", "\ufeff", "\ufffd"))
    return f"piece {place} {kind}"


def _score(proto, source):
    score = source.choice(
        (*(float("nan"), float("inf"), float("-inf"), 3e38, -3e38), *(1e9, -1e9, 1e-45, 0.0, -0.0))
    )
    places = source.choice((1, 5, len(proto.pieces)))
    for piece in source.sample(list(proto.pieces), min(places, len(proto.pieces))):
        piece.score = score
    return f"{places} scores {score}"


def _charsmap(proto, source):
    spec = source.choice((proto.normalizer_spec, proto.normalizer_spec, proto.denormalizer_spec))
    blob = bytearray(spec.precompiled_charsmap or proto.normalizer_spec.precompiled_charsmap)
    if len(blob) < 2000:
        spec.precompiled_charsmap = source.randbytes(source.randrange(5000))
        return "map of nonsense"
    size = min(int.from_bytes(blob[:4], "little"), len(blob) - 4) // 4 * 4
    kind = source.choice(MAPS)
    places = [4 + 4 * source.randrange(max(size // 4, 1)) for _ in range(source.choice((9, 3000)))]
    if kind in ("unit", "units"):
        for place in places[: 1 if kind == "unit" else None]:
            blob[place : place + 4] = source.randbytes(4)
    elif kind == "offset":
        for place in places:
            unit = int.from_bytes(blob[place : place + 4], "little")
            unit = (unit & 0x800001FF) | source.getrandbits(22) << 9
            blob[place : place + 4] = unit.to_bytes(4, "little")
    elif kind == "root":
        blob[4:8] = source.randbytes(4)
    elif kind in ("value", "values"):
        for place in range(4, 4 + size, 4):
            if blob[place + 3] & 0x80 and source.random() < (0.01 if kind == "value" else 1.0):
                value = source.choice((source.getrandbits(31), len(blob) - size, size // 4))
                blob[place : place + 4] = (value | 1 << 31).to_bytes(4, "little")
    elif kind == "size":
        number = source.choice((0, 1, 4, 1024, size - 4, size + 4, len(blob), 2**31, 2**32 - 1))
        blob[:4] = number.to_bytes(4, "little")
    elif kind == "cut":
        del blob[source.randrange(len(blob)) :]
    elif kind == "strings":
        length = len(blob) - 4 - size
        blob[4 + size :] = source.choice((source.randbytes(length), b"\xff" * length, b"\0"))
    elif kind == "no end":
        del blob[len(blob) - source.choice((1, 1, 100)) :]
    elif kind == "long":
        text = source.choice((b"a", b" ", "日".encode())) * source.choice((30, 3000, 10**6))
        blob[4 + size :] = text + b"\0"
        blob[4 + size :] += bytes(source.choice((0, 2000)))
    elif kind == "bits":
        for _ in range(source.choice((1, 50))):
            blob[source.randrange(len(blob))] ^= 1 << source.randrange(8)
    elif kind == "circle":
        # Each letter leads to where the letters are again.
        base = 256 * source.randrange(max(size // 1024, 1))
        for letter in range(1, 256):
            place = 4 + 4 * (base ^ letter)
            unit = letter | 1 << 8 | source.choice((letter, base ^ letter)) << 10
            blob[place : place + 4] = (unit & 0xFFFFFFFF).to_bytes(4, "little")
        blob[4:8] = (base << 10 & 0xFFFFFFFF).to_bytes(4, "little")
    else:
        blob[4:] = source.randbytes(len(blob) - 4)
    spec.precompiled_charsmap = bytes(blob)
    return f"map's {kind}"


def _fields(proto, source):
    trainer, normalizer = proto.trainer_spec, proto.normalizer_spec
    kind = source.choice(("model type", "bytes", "strings", "flags", "ids", "empty"))
    if kind == "model type":
        trainer.model_type = source.choice((1, 2, 3, 4))
    elif kind == "bytes":
        trainer.byte_fallback = not trainer.byte_fallback
    elif kind == "strings":
        name = source.choice(("unk_surface", "unk_piece", "bos_piece", "eos_piece", "pad_piece"))
        setattr(
            trainer, name, source.choice(("", "\0", "@@invalid@@", "x" * 10**6, "<unk>", "the"))
        )
    elif kind == "flags":
        trainer.treat_whitespace_as_suffix = source.random() < 0.5
        trainer.allow_whitespace_only_pieces = source.random() < 0.5
        for name in ("add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces"):
            setattr(normalizer, name, source.random() < 0.5)
    elif kind == "ids":
        for name in ("unk_id", "bos_id", "eos_id", "pad_id", "vocab_size"):
            setattr(trainer, name, source.choice((-1, 0, 1, 2, 2**31 - 1, -(2**31))))
    else:
        proto.ClearField(source.choice(("trainer_spec", "normalizer_spec", "pieces")))
    return f"field's {kind}"


def _self_test(proto, source):
    text = source.choice(
        ("a fox", "日" * 300_000, "\0", "@@invalid@@", "x" * 10_000, "日" * 30_000)
    )
    for _ in range(source.choice((1, 3, 1000)) if len(text) < 50 else 1):
        proto.self_test_data.samples.add(
            input=text, expected=source.choice((text, "▁a ▁f o x", ""))
        )
    return f"self test {text[:10]!r}"


def _wire(content, source):
    content = bytearray(content)
    kind = source.choice(("cut", "bits", "run", "twice", "deep", "type", "length"))
    place = source.randrange(len(content))
    if kind == "cut":
        del content[place:]
    elif kind == "bits":
        for _ in range(source.randint(1, 8)):
            content[source.randrange(len(content))] ^= 1 << source.randrange(8)
    elif kind == "run":
        content[place : place + source.randint(1, 64)] = source.randbytes(source.randint(1, 64))
    elif kind == "twice":
        content += bytes(content)
    elif kind == "deep":
        # Groups of an unknown field, one inside the other.
        content += b"\x83\x7d" * source.choice((50, 200, 100_000))
    elif kind == "type":
        # A piece of a type that there is none of.
        content += b"\x0a\x08\x0a\x03zzz\x18" + bytes([source.choice((0, 7, 99))]) + b"\x20"
    else:
        content[place:place] = b"\x0a" + source.choice((b"\xff" * 9 + b"\x01", b"\xff\xff\xff\x7f"))
    return bytes(content), f"protobuf {kind}"


def as_tokenizer_json(content):
    """The same vocabulary in `tokenizer.json`; None where JSON has no form for it."""
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    try:
        proto = sentencepiece_model_pb2.ModelProto.FromString(content)
        pieces = [[piece.piece, piece.score] for piece in proto.pieces]
    except DecodeError:
        return None
    if not all(isinstance(piece, str) for piece, _ in pieces):
        return None
    reserved = ["<pad>", "</s>", "<mask_1>", "<mask_2>", *(f"<unk_{i}>" for i in range(2, 103))]
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode("ascii")
    return json.dumps(
        {
            "model": {
                "type": "Unigram",
                "vocab": [*([token, 0.0] for token in reserved), *pieces[2:]],
                "byte_fallback": proto.trainer_spec.byte_fallback,
            },
            "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        }
    )


# What is done with a vocabulary


def texts():
    """All characters of the basic plane, in chunks, and texts that are unlike one another."""
    plane = "".join(chr(i) for i in range(0x10000) if not 0xD800 <= i < 0xE000)
    chunks = [plane[i : i + 8000] for i in range(0, len(plane), 8000)]
    return [
        *chunks,
        *("".join(chunk[i::97] for i in range(0, 97, 13)) for chunk in chunks[:2]),
        *("", " ", "\0", "a\0b", "q" * 20_000, "日" * 25_000, "x" * 2000, "a b c " * 2000),
        *("</s><mask_1> <unk_7>", "e\u0301\u0302\u0303 ﷺ ½ ﬁ \U0001f600\U0010ffff \ufeff", "\n"),
        *SENTENCES,
    ]


def use(case):
    """Makes a tokenizer of a file in one of `WAYS` and uses it; returns what came of it."""
    import tensorflow as tf

    from tf_pegasus import PegasusTokenizer, PegasusTokenizerFast, TFPegasusTokenizer

    way, path = case
    samples = texts()
    try:
        if way == "layer":
            layer = TFPegasusTokenizer(Path(path).read_bytes())
        elif way == "tokenizer.json":
            tokenizer = PegasusTokenizerFast(tokenizer_file=path)
        else:
            tokenizer = PegasusTokenizer(path)
    except ValueError as error:
        return "refused" if str(error).strip() else "FAILURE: an error without a message"
    if way != "layer":
        rows = tokenizer.encode_batch(samples)
        tokenizer.batch_decode(rows, skip_special_tokens=True)
        tokenizer.decode(list(range(len(tokenizer))))
        if way == "spiece.model":
            kwargs = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
            PegasusTokenizer(path, sp_model_kwargs=kwargs).encode_batch(SENTENCES)
            return "read"
        backend = tokenizer.backend_tokenizer
        backend.encode_batch([sample[:3000] for sample in samples])
        backend.to_str()
        return "read"
    ids = layer.tokenize(tf.constant([sample.encode() for sample in samples]))
    layer.detokenize(ids)
    return "read"


def prepare(is_checked):
    """Loads what is needed, and leaves out the check if it should be."""
    import tf_pegasus
    from tf_pegasus.tokenizers import vocabulary_check

    tf_pegasus.TFPegasusTokenizer.from_pretrained(tf_pegasus.bundled_model()).tokenize(["a"])
    if not is_checked:
        vocabulary_check._check = lambda model_proto: None


def cases(source):
    """Yields files of damaged vocabularies, each to be read in one of `WAYS`."""
    models = base_models()
    with tempfile.TemporaryDirectory() as directory:
        while True:
            content, what = damaged(source.choice(models), source)
            way = source.choice(WAYS)
            if way == "tokenizer.json":
                text = as_tokenizer_json(content)
                if text is None:
                    way = "spiece.model"
                else:
                    content = text.encode("utf-8")
            path = Path(directory) / ("spiece.model" if way == "layer" else way)
            path.write_bytes(content)
            yield way, what, (way, str(path))


def fuzz(count=None, seconds=None, seed=0, is_checked=True, report=None):
    """Uses damaged vocabularies; see `fuzzing.loop`."""
    process = fuzzing.Worker(use, functools.partial(prepare, is_checked), SECONDS, MEMORY)
    try:
        source = cases(random.Random(seed))
        return fuzzing.loop(source, process.outcome, count, seconds, report)
    finally:
        process.close()


def main():
    parser = fuzzing.argument_parser(__doc__)
    parser.add_argument("--unchecked", action="store_true", help="leave out the check")
    arguments = fuzzing.parse(parser)
    is_checked = not arguments.unchecked
    fuzzing.finish(*fuzz(arguments.count, arguments.seconds, arguments.seed, is_checked, print))


if __name__ == "__main__":
    main()
