"""Hostile vocabularies are refused with an error before any native library sees them."""

import base64
import json

import keras
import numpy as np
import pytest
from fuzz_vocabulary import as_tokenizer_json, fuzz
from sentencepiece import sentencepiece_model_pb2

import tf_pegasus
from tf_pegasus import PegasusTokenizer, PegasusTokenizerFast, TFPegasusTokenizer
from tf_pegasus.cli.main import main
from tf_pegasus.tokenizers.vocabulary_check import check_vocabulary

_Model = sentencepiece_model_pb2.ModelProto


def _piece(proto, **values):
    for name, value in values.items():
        setattr(proto.pieces[40], name, value)


def _units(proto, change):
    blob = bytearray(proto.normalizer_spec.precompiled_charsmap)
    size = int.from_bytes(blob[:4], "little")
    units = np.frombuffer(blob, "<u4", size // 4, offset=4)
    change(units)
    proto.normalizer_spec.precompiled_charsmap = bytes(blob)


def _leaves(units):
    return units >= 1 << 31


def _lead_out(units):
    units[~_leaves(units)] |= 0xFFFFF << 10


def _lead_past_strings(units):
    units[_leaves(units)] = 0xFFFFFFFF


def _lead_into_characters(units):
    units[_leaves(units)] += 1


def _circle(units):
    # Every letter leads to where the letters are.
    for letter in range(256):
        units[256 + letter] = letter | 256 << 10 ^ (256 ^ letter) << 10 ^ 256 << 10
    units[0] = 256 << 10


def _strings(proto, content):
    blob = proto.normalizer_spec.precompiled_charsmap
    proto.normalizer_spec.precompiled_charsmap = blob[: 4 + int.from_bytes(blob[:4], "little")]
    proto.normalizer_spec.precompiled_charsmap += content


def _map(proto, content):
    proto.normalizer_spec.precompiled_charsmap = content


def _unused(proto):
    proto.trainer_spec.model_type = 2
    proto.pieces[40].type = 5


def _control(spelling):
    def change(proto):
        proto.trainer_spec.model_type = 2
        next(piece for piece in proto.pieces if piece.piece == "e").type = 3
        proto.pieces[1].piece = spelling

    return change


def _denormalizer(proto):
    proto.denormalizer_spec.precompiled_charsmap = b"\xff" * 3000


HOSTILE = {
    "NUL": (lambda p: _piece(p, piece="a\0b"), r"pieces\[40\] has a NUL character"),
    "empty": (lambda p: _piece(p, piece=""), r"pieces\[40\] is empty"),
    "long": (lambda p: _piece(p, piece="x" * 10**6), r"pieces\[40\] has 1000000 bytes"),
    "twice": (lambda p: _piece(p, piece=p.pieces[50].piece), "two of its pieces are '"),
    "NaN": (lambda p: _piece(p, score=float("nan")), r"pieces\[40\] has the score nan"),
    "inf": (lambda p: _piece(p, score=float("-inf")), r"pieces\[40\] has the score -inf"),
    "two unknown": (lambda p: _piece(p, type=2), "2 of its pieces are of the type UNKNOWN"),
    "byte": (lambda p: _piece(p, type=6), "1 of its pieces are of the type BYTE"),
    "no bytes": (
        lambda p: setattr(p.trainer_spec, "byte_fallback", True),
        "0 of its pieces are of the type BYTE",
    ),
    "unused": (_unused, "pieces of the type UNUSED are none that tensorflow-text's BPE can read"),
    "control character": (_control("</s>"), "'e', is of the type CONTROL, but may be a part"),
    "control word": (_control("▁of"), r"pieces\[1\], '▁of', is of the type CONTROL, but may be"),
    "no pieces": (lambda p: p.ClearField("pieces"), "0 of its pieces are of the type UNKNOWN"),
    "surface": (
        lambda p: setattr(p.trainer_spec, "unk_surface", "x" * 10**6),
        "trainer_spec.unk_surface has 1000000 bytes",
    ),
    "self test": (
        lambda p: p.self_test_data.samples.add(input="日" * 10**6, expected="日"),
        "self_test_data has 3000",
    ),
    "map of 3 bytes": (lambda p: _map(p, b"abc"), "its trie would have"),
    "map's size": (lambda p: _map(p, b"\xff" * 3000), "its trie would have 4294967295 of 3000"),
    "no trie": (lambda p: _map(p, bytes(3000)), "its trie has 0 bytes"),
    "map of 5 MB": (lambda p: _map(p, bytes(5 * 2**20)), "it has 5242880 bytes"),
    "trie's offsets": (lambda p: _units(p, _lead_out), "its trie leads to the unit"),
    "trie's circle": (lambda p: _units(p, _circle), "its trie has keys of more than 32 bytes"),
    "trie's values": (lambda p: _units(p, _lead_past_strings), "its trie leads to the byte"),
    "midst": (lambda p: _units(p, _lead_into_characters), "into the midst of a character"),
    "no end": (lambda p: _strings(p, b"a" * 90_000), "its last string has no end"),
    "long strings": (lambda p: _strings(p, b"a" * 90_000 + b"\0"), "of a character, at most 64"),
    "no UTF-8": (lambda p: _strings(p, b"\xff" * 90_000 + b"\0"), "its strings are not UTF-8"),
    "user-defined prefixes": (
        lambda p: [
            p.pieces.add(piece="q" * n, type=_Model.SentencePiece.USER_DEFINED)
            for n in range(2, 70)
        ],
        "33 of its pieces of the type USER_DEFINED are prefixes of one another",
    ),
    "denormalizer": (_denormalizer, "denormalizer_spec.precompiled_charsmap is damaged"),
}


@pytest.fixture(params=HOSTILE)
def hostile(request, vocab_file):
    change, message = HOSTILE[request.param]
    proto = _Model.FromString(vocab_file.read_bytes())
    change(proto)
    return proto.SerializeToString(), message


def test_a_hostile_vocabulary_is_refused(hostile, tmp_path):
    content, message = hostile
    path = tmp_path / "spiece.model"
    path.write_bytes(content)
    for read in (
        lambda: PegasusTokenizer(path),
        lambda: PegasusTokenizer.from_pretrained(tmp_path),
        lambda: PegasusTokenizerFast(path),
    ):
        with pytest.raises(ValueError, match=rf"spiece\.model' is not a .*{message}"):
            read()
    for model_proto in (content, base64.b64encode(content).decode()):
        with pytest.raises(ValueError, match=rf"'model_proto' is not a .*{message}"):
            TFPegasusTokenizer(model_proto)


@pytest.mark.parametrize("kind", ["NUL", "NaN", "long", "trie's offsets", "no UTF-8"])
def test_the_same_in_tokenizer_json(kind, vocab_file, tmp_path):
    change, message = HOSTILE[kind]
    proto = _Model.FromString(vocab_file.read_bytes())
    change(proto)
    path = tmp_path / "tokenizer.json"
    path.write_text(as_tokenizer_json(proto.SerializeToString()))
    for read in (
        lambda: PegasusTokenizer.from_pretrained(tmp_path),
        lambda: PegasusTokenizerFast(tokenizer_file=path),
    ):
        with pytest.raises(ValueError, match=rf"tokenizer\.json' is not a .*{message}"):
            read()


@pytest.mark.parametrize("entry", [["a\ud800", -1.0], ["a", 10**400]], ids=["surrogate", "huge"])
def test_what_a_proto_has_no_form_for_in_tokenizer_json(entry, vocab_file, tmp_path):
    state = json.loads(as_tokenizer_json(vocab_file.read_bytes()))
    state["model"]["vocab"][150] = entry
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(state))
    with pytest.raises(ValueError, match=r"tokenizer\.json' is damaged .* model\.vocab\[150\]"):
        PegasusTokenizerFast(tokenizer_file=path)


def test_a_keras_file_is_checked(vocab_file, tmp_path, monkeypatch):
    layer = TFPegasusTokenizer(vocab_file.read_bytes())
    change, message = HOSTILE["NUL"]
    proto = _Model.FromString(layer.model_proto)
    change(proto)
    layer.model_proto = proto.SerializeToString()
    text = keras.Input((), dtype="string")
    keras.Model(text, layer(text)).save(tmp_path / "model.keras")
    with pytest.raises((ValueError, TypeError), match=message):
        keras.saving.load_model(tmp_path / "model.keras")


def test_the_command_line_says_so(model_directory, tmp_path, capsys):
    for file in model_directory.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    proto = _Model.FromString((tmp_path / "spiece.model").read_bytes())
    _piece(proto, piece="a\0b")
    (tmp_path / "spiece.model").write_bytes(proto.SerializeToString())
    (tmp_path / "text").write_text("A fox.")
    assert main(["summarize", str(tmp_path / "text"), "--model", str(tmp_path)]) == 1
    assert "pieces[40] has a NUL character" in capsys.readouterr().err


def test_files_that_are_no_vocabulary(tmp_path):
    path = tmp_path / "spiece.model"
    for content, message in (
        (b"", "it is empty"),
        (b"\xff" * 100, "it is damaged, or another kind of file"),
        (b"\x83\x7d" * 10_000, "it is damaged, or another kind of file"),
        (bytes(17 * 2**20), "it has 17825792 bytes, a vocabulary at most"),
        (b"\x0a\x00" * 1_000_001, "it has 1000001 pieces"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"is not a sentencepiece model: {message}"):
            PegasusTokenizer(path)


def test_good_vocabularies_pass(vocab_file):
    bundled = tf_pegasus.bundled_model() / "spiece.model"
    for path in (vocab_file, bundled):
        check_vocabulary(path.read_bytes(), str(path))


def test_fuzzed_vocabularies_harm_nothing():
    counts, failures = fuzz(40)
    assert not failures
    assert sum(sum(outcomes.values()) for outcomes in counts.values()) == 40
    assert sum(outcomes["refused"] for outcomes in counts.values()) > 10
    assert sum(outcomes["read"] for outcomes in counts.values()) > 3
