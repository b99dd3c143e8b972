import pytest
import sentencepiece
from helpers.tiny import SENTENCES

from tf_pegasus import PegasusTokenizer, TFPegasusTokenizer
from tf_pegasus.tokenizers.vocabulary import train_vocabulary


@pytest.fixture(scope="module")
def byte_vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    train_vocabulary(SENTENCES * 20, path, 380, newline_token="<n>", byte_fallback=True)
    return path


def test_ids_of_reserved_pieces(byte_vocabulary):
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(byte_vocabulary))
    assert len(pieces) == 380
    names = [pieces.id_to_piece(index) for index in range(260)]
    assert names[:5] == ["<pad>", "</s>", "<unk>", "<n>", "<0x00>"]
    assert names[259] == "<0xFF>"
    assert pieces.bos_id() == -1
    tokenizer = PegasusTokenizer(byte_vocabulary, newline_token="<n>")
    assert tokenizer.convert_tokens_to_ids(["<pad>", "</s>", "<mask_1>", "<n>"]) == [0, 1, 2, 106]


def test_newlines_and_unseen_characters_come_back(byte_vocabulary):
    tokenizer = PegasusTokenizer(byte_vocabulary, newline_token="<n>")
    text = f"{SENTENCES[0]}\n\nΩ 漢字 ☃ {SENTENCES[1]}\nend"
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.unk_token_id not in ids
    assert ids.count(106) == 3
    graph = TFPegasusTokenizer.from_tokenizer(tokenizer)
    assert graph([text])["input_ids"].numpy()[0][: len(ids)].tolist() == ids


def test_without_bytes_unseen_characters_are_unknown(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    assert tokenizer.unk_token_id in tokenizer.encode("漢")


def test_character_coverage(tmp_path):
    texts = ["abcdefgh " * 50] * 20 + ["ω"]
    found = []
    for coverage in (0.9995, 1.0):
        train_vocabulary(texts, tmp_path / "v.model", 13, character_coverage=coverage)
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "v.model"))
        found.append(pieces.piece_to_id("ω") != pieces.unk_id())
    assert found == [False, True]


def test_long_lines_are_not_left_out(tmp_path):
    line = " ".join(["quokka", "numbat"] * 2000)
    train_vocabulary([line, "x" * 5000], tmp_path / "v.model", 17)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "v.model"))
    assert pieces.encode("quokka numbat x", out_type=str).count("▁quokka") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"vocab_size": 5000},
            r"vocab_size=5000 is too large for the texts: it must be at most \d",
        ),
        ({"vocab_size": 10}, r"vocab_size=10 is too small .* it must be at least \d"),
        ({"vocab_size": 3}, "vocab_size=3 must be an int above 3"),
        ({"vocab_size": 260, "byte_fallback": True}, "vocab_size=260 is too small"),
        ({"vocab_size": 100, "byte_fallback": True}, "vocab_size=100 must be an int above 259"),
        ({"vocab_size": 80.0}, r"vocab_size=80\.0 must be an int"),
        ({"character_coverage": 0.5}, r"character_coverage=0\.5 must be from 0\.98 to 1"),
        ({"character_coverage": float("nan")}, "character_coverage=nan must be"),
    ],
)
def test_bad_arguments(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train_vocabulary(SENTENCES, tmp_path / "v.model", **options)
    assert not list(tmp_path.iterdir())


def test_the_named_bounds_fit(tmp_path):
    for wrong in (5000, 10):
        with pytest.raises(ValueError, match="it must be at") as caught:
            train_vocabulary(SENTENCES * 20, tmp_path / "v.model", wrong)
        bound = int("".join(filter(str.isdigit, str(caught.value).split("it must be at")[1])))
        train_vocabulary(SENTENCES * 20, tmp_path / "v.model", bound)
