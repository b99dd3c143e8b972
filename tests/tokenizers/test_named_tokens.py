"""Special tokens by their roles, compared with the reference implementation's."""

import copy
import json

import pytest
from helpers.tiny import GOLDENS

from tf_pegasus import AddedToken, PegasusTokenizer, PegasusTokenizerFast, TFPegasusTokenizer
from tf_pegasus.bundled import bundled_model

VOCABULARY = bundled_model() / "spiece.model"
GOLDEN = json.loads((GOLDENS / "tokenizer-calls.json").read_text())
TEXT = "the [MASK] <s>fox[SEP] <new><m>"
BIG_BIRD = {"offset": 0, "mask_token": "[MASK]", "mask_token_sent": None}
CLASSES = (PegasusTokenizer, PegasusTokenizerFast)


@pytest.mark.parametrize("tokenizer_class", CLASSES)
@pytest.mark.parametrize("golden", GOLDEN["constructed"], ids=lambda golden: str(golden["options"]))
def test_roles_equal_the_reference(tokenizer_class, golden, tmp_path):
    made = tokenizer_class(VOCABULARY, **golden["options"])
    made.save_pretrained(tmp_path)
    for tokenizer in (made, tokenizer_class.from_pretrained(tmp_path)):
        assert len(tokenizer) == golden["length"]
        assert tokenizer.vocab_size == golden["vocab_size"]
        ids = {name: getattr(tokenizer, name + "_id") for name in golden["ids"]}
        assert ids == golden["ids"]
        assert tokenizer.encode(TEXT) == golden["text"]
        text = "A text of some length, to be cut; it has more than one part."
        assert tokenizer(text, truncation=True, max_length=6)["input_ids"] == golden["cut"]
        # The reference implementation has the new ones first.
        assert set(golden["additional"]) <= set(tokenizer.additional_special_tokens)
        assert tokenizer.additional_special_tokens_ids == tokenizer.convert_tokens_to_ids(
            tokenizer.additional_special_tokens
        )
        decoder = tokenizer.added_tokens_decoder
        found = {str(i): [token.content, token.special] for i, token in decoder.items()}
        assert found == golden["decoder"]
        graph = TFPegasusTokenizer.from_tokenizer(tokenizer)
        assert graph.tokenize([TEXT]).to_list() == [golden["text"]]


@pytest.mark.parametrize("golden", GOLDEN["files"], ids=lambda golden: golden["files"][0])
@pytest.mark.parametrize("as_objects", [False, True])
def test_special_tokens_that_stand_in_one_file_only(golden, as_objects, tmp_path):
    PegasusTokenizer(VOCABULARY).save_pretrained(tmp_path)
    for path in tmp_path.glob("*.json"):
        values = json.loads(path.read_text()) if path.name in golden["files"] else {}
        values.pop("added_tokens_decoder", None)
        if values:
            new = [
                {"content": t, "lstrip": False} if as_objects else t for t in ("<new>", "<other>")
            ]
            values["additional_special_tokens"] += new
        path.write_text(json.dumps(values))
    tokenizer = PegasusTokenizer.from_pretrained(tmp_path)
    assert tokenizer.encode("the<new>fox <other>") == golden["ids"]
    assert len(tokenizer) == golden["length"]
    assert tokenizer.decode(golden["ids"], skip_special_tokens=True) == "the fox"
    more = PegasusTokenizer.from_pretrained(tmp_path, additional_special_tokens=["<last>", "<new>"])
    assert more.encode("<last>") == [golden["length"], 1]
    assert more.encode("the<new>fox <other>") == golden["ids"]


def test_masks_without_reserved_ids():
    tokenizer = PegasusTokenizer(VOCABULARY, **BIG_BIRD)
    assert tokenizer.mask_token_id == len(tokenizer) - 1 == 8000
    assert tokenizer.mask_token_sent is tokenizer.mask_token_sent_id is None
    assert (
        tokenizer.decode(tokenizer.encode("the [MASK] fox"), skip_special_tokens=True) == "the fox"
    )
    # The reference implementation would put both masks on the ids of pieces.
    tokenizer = PegasusTokenizer(VOCABULARY, offset=0, mask_token="[MASK]")
    assert (tokenizer.mask_token_id, tokenizer.mask_token_sent_id) == (8000, None)
    assert tokenizer.encode("the [MASK]") == [*tokenizer.encode("the")[:-1], 8000, 1]
    tokenizer = PegasusTokenizer(VOCABULARY, offset=0)
    assert (tokenizer.mask_token_id, tokenizer.mask_token_sent_id) == (None, None)
    assert len(tokenizer) == 8000
    # The vocabulary's own piece, if it has one.
    tokenizer = PegasusTokenizer(VOCABULARY, offset=0, mask_token="▁the")
    assert tokenizer.mask_token_id == tokenizer.convert_tokens_to_ids("▁the") == 5
    assert len(tokenizer) == 8000


def test_no_sentence_mask_with_reserved_ids(tmp_path):
    tokenizer = PegasusTokenizerFast(VOCABULARY, mask_token_sent=None)
    assert tokenizer.convert_ids_to_tokens([2, 102]) == ["<unk_2>", "<unk_102>"]
    # The reference implementation gives it the id of a piece, 8101.
    assert tokenizer.mask_token_id == 8103
    assert tokenizer.encode("the") == PegasusTokenizer(VOCABULARY).encode("the")
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "spiece.model").unlink()
    loaded = PegasusTokenizerFast.from_pretrained(tmp_path)
    assert loaded.mask_token_id == 8103
    assert loaded.encode("the <mask_2> fox") == tokenizer.encode("the <mask_2> fox")


def test_vocabulary(tokenizer):
    assert tokenizer.vocab == tokenizer.get_vocab()
    assert sorted(tokenizer.vocab.values()) == list(range(len(tokenizer)))


def test_roles_that_are_not_given(tokenizer):
    for role in ("bos_token", "sep_token", "cls_token"):
        assert getattr(tokenizer, role) is getattr(tokenizer, role + "_id") is None
        assert role not in tokenizer.special_tokens_map


def test_roles_that_are_added_later(vocab_file, tmp_path):
    tokenizer = PegasusTokenizer(vocab_file)
    size = len(tokenizer)
    roles = {"cls_token": AddedToken("<c>"), "additional_special_tokens": ["<x>"]}
    assert tokenizer.add_special_tokens(roles) == 2
    assert (tokenizer.cls_token, tokenizer.cls_token_id) == ("<c>", size)
    assert tokenizer.special_tokens_map["cls_token"] == "<c>"
    assert "<c>" not in tokenizer.additional_special_tokens
    tokenizer.save_pretrained(tmp_path)
    assert PegasusTokenizer.from_pretrained(tmp_path).cls_token_id == size
    for wrong, message in (
        ({"eos_token": "<e>"}, "'eos_token' cannot be changed"),
        ({"additional_special_tokens": "<y>"}, "must be a list of tokens, got the str '<y>'"),
        ({"cls_token": ["<y>"]}, r"must be a non-empty string, got \['<y>'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            tokenizer.add_special_tokens({"bos_token": "<b>", **wrong})
    assert len(tokenizer) == size + 2


def test_roles_that_are_assigned(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    with pytest.raises(AttributeError, match="pad_token cannot be changed to '</s>'"):
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.pad_token = "<pad>"
    tokenizer.cls_token = tokenizer.eos_token
    assert tokenizer.cls_token_id == 1
    tokenizer.sep_token = "<s>"
    with pytest.raises(ValueError, match=r"sep_token='<s>' is not in the vocabulary: add it by"):
        _ = tokenizer.sep_token_id
    tokenizer.add_tokens("<s>")
    assert tokenizer.sep_token_id == len(tokenizer) - 1


@pytest.mark.parametrize("name", ["padding_side", "truncation_side"])
def test_sides_are_checked_on_assignment(tokenizer, name):
    copied = copy.deepcopy(tokenizer)
    setattr(copied, name, "left")
    with pytest.raises(ValueError, match=f"{name}='middle' must be one of"):
        setattr(copied, name, "middle")
    assert getattr(copied, name) == "left"
