"""Directories of models that are as costly to load as a file of their size can be made.

Each of `COSTLY` makes one of a good directory, and is refused, or accepted within the budget that
`fuzz_readers` describes.
"""

import json
import shutil
import zipfile
from pathlib import Path

import hostile_archives as archives

GOLDENS = Path(__file__).parents[1] / "tests" / "goldens"
# The most bytes that are read of a configuration.
_JSON_BYTES = 2 * 2**20


def _good(directory, name="tiny-formats/bin"):
    shutil.copytree(GOLDENS / name, directory)


def _configured(**values):
    def write(directory):
        _good(directory)
        path = directory / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return write


def _with_json(name, text):
    def write(directory):
        _good(directory)
        _with_vocabulary(directory)
        (directory / name).write_text(text())

    return write


def _with_vocabulary(directory):
    import tf_pegasus

    for name in ("spiece.model", "tokenizer_config.json"):
        shutil.copy(tf_pegasus.bundled_model() / name, directory)


def _pickled(make):
    def write(directory):
        _good(directory)
        archives.write_zip(directory / "pytorch_model.bin", make())

    return write


def _inflating(directory):
    _good(directory)
    path = directory / "pytorch_model.bin"
    archives.write_zip(path, b"\x80\x02}.", bytes(10**9), zipfile.ZIP_DEFLATED)


def _linked_groups(directory):
    _good(directory, "tiny-formats/h5")
    archives.linked_groups(directory / "tf_model.h5", depth=14, width=20)


def _header(directory, names):
    _good(directory, "tiny-relu")
    empty = {"dtype": "F32", "shape": [0] * 8, "data_offsets": [0, 0]}
    header = {f"{n}".ljust(1024, "w"): empty for n in range(names)}
    archives.write_safetensors_header(directory / "model.safetensors", header, b"")


def _pieces(directory):
    from sentencepiece import sentencepiece_model_pb2

    _good(directory)
    _with_vocabulary(directory)
    path = directory / "spiece.model"
    proto = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    for number in range(950_000):
        proto.pieces.add(piece=f"{number:x}~", score=-1.0)
    path.write_bytes(proto.SerializeToString())


def _tokenizer_json(pieces):
    reserved = ["<pad>", "</s>", "<mask_1>", "<mask_2>", *(f"<unk_{i}>" for i in range(2, 103))]
    vocab = [[token, 0] for token in (*reserved, "<unk>")]
    vocab += [[f"{number:x}", -1] for number in range(pieces)]
    return json.dumps({"model": {"type": "Unigram", "vocab": vocab}}, separators=(",", ":"))


def _fast_vocabulary(directory):
    _good(directory)
    (directory / "tokenizer.json").write_text(_tokenizer_json(1_300_000))


def _added_tokens(count):
    tokens = {str(8103 + n): {"content": f"w{n}", "special": True} for n in range(count)}
    return json.dumps({"added_tokens_decoder": tokens})


COSTLY = {
    "512 layers, in no file": _configured(encoder_layers=256, decoder_layers=256),
    "as many layers as are built": _configured(encoder_layers=64, decoder_layers=64),
    "20,000 layers": _configured(encoder_layers=20_000),
    "a width of 2^16": _configured(d_model=2**16, encoder_attention_heads=2),
    "a width of 2^24": _configured(d_model=2**24),
    "10^7 positions": _configured(max_position_embeddings=10**7),
    "10^12 positions": _configured(max_position_embeddings=10**12),
    "as many positions as are built": _configured(max_position_embeddings=780_000),
    "10^9 pieces": _configured(vocab_size=10**9),
    "10^9 wide feed-forward blocks": _configured(encoder_ffn_dim=10**9),
    "a configuration of empty lists": _with_json(
        "config.json", lambda: '{"a": [' + "[]," * (_JSON_BYTES // 3 - 10) + "[]]}"
    ),
    "a configuration of many keys": _with_json(
        "config.json", lambda: json.dumps({f"{n}encoder_layer": n for n in range(70_000)})
    ),
    "a configuration of 20 MB": _with_json("config.json", lambda: '{"a": "' + "a" * 2**24 + '"}'),
    "many bad words": _with_json(
        "generation_config.json", lambda: json.dumps({"bad_words_ids": [[5]] * 400_000})
    ),
    "a configuration nested deep": _with_json(
        "config.json", lambda: '{"a": ' + "[" * 10**6 + "]" * 10**6 + "}"
    ),
    "an offset of 10^9": _with_json("tokenizer_config.json", lambda: '{"offset": 1000000000}'),
    "10,000 added tokens": _with_json("tokenizer_config.json", lambda: _added_tokens(10_000)),
    "100,000 added tokens": _with_json("tokenizer_config.json", lambda: _added_tokens(100_000)),
    "a vocabulary of a million pieces": _pieces,
    "a tokenizer.json of 20 MB": _fast_vocabulary,
    "copies of a list": _pickled(lambda: archives.copies_of_a_list(5000, 5000)),
    "millions of instructions": _pickled(lambda: archives.many_instructions(4 * 10**6)),
    "shapes of 20,000 dimensions": _pickled(lambda: archives.wide_shapes(20_000, 5000)),
    "keys of the same hash": _pickled(lambda: archives.equal_hashes(20_000)),
    "an entry that inflates": _inflating,
    "groups linked in a graph": _linked_groups,
    "a header of long names": lambda directory: _header(directory, 20_000),
    "a header of many long names": lambda directory: _header(directory, 90_000),
}
