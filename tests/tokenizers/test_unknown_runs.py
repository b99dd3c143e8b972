"""Runs of unknown characters: linear time, the same ids."""

import time

import pytest
import sentencepiece
import tensorflow as tf
from helpers.texts import TEXTS, generated
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tf_pegasus import PegasusTokenizer, TFPegasusTokenizer
from tf_pegasus.tokenizers import sentencepiece_tokenizer
from tf_pegasus.tokenizers.unknown_runs import byte_fallback_twin

_KINDS = ["unigram", "no normalization", "byte fallback", "byte-like control pieces", "bpe"]


@pytest.fixture(scope="module", params=_KINDS)
def vocabulary(request, vocab_file, tmp_path_factory):
    """A vocabulary's tokenizer, layer and sentencepiece's own processor of it."""
    proto = sentencepiece.sentencepiece_model_pb2.ModelProto.FromString(vocab_file.read_bytes())
    kind = sentencepiece.sentencepiece_model_pb2.ModelProto.SentencePiece
    if request.param == "no normalization":
        proto.normalizer_spec.ClearField("precompiled_charsmap")
        proto.normalizer_spec.remove_extra_whitespaces = False
    elif request.param == "byte fallback":
        proto.trainer_spec.byte_fallback = True
        for byte in range(256):
            proto.pieces.add(piece=f"<0x{byte:02X}>", type=kind.BYTE)
    elif request.param == "byte-like control pieces":
        proto.pieces.add(piece="<0x41>", type=kind.CONTROL)
    elif request.param == "bpe":
        proto.trainer_spec.model_type = sentencepiece.sentencepiece_model_pb2.TrainerSpec.BPE
    path = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    path.write_bytes(proto.SerializeToString())
    # Without special tokens, which are not sentencepiece's.
    python = PegasusTokenizer(path, special_tokens_in_text="escape")
    graph = TFPegasusTokenizer.from_tokenizer(python)
    return python, graph, sentencepiece.SentencePieceProcessor(model_file=str(path))


_characters = st.characters(exclude_categories=["Cs"])
_runs = st.tuples(
    _characters | st.sampled_from("日本ﷺ\u0301▁ aé\u200b\U0001f600"), st.integers(1, 30)
)
_texts = st.lists(
    _runs.map(lambda run: run[0] * run[1])
    | st.sampled_from(["the fox", " ", "<n>", "<0x41>", "日a", "e\u0301"])
    | st.text(_characters, max_size=20),
    max_size=8,
).map("".join)


@settings(max_examples=80, deadline=None)
@given(_texts)
@example("日" * 100)
@example("the日本 語fox ab日")
def test_ids_are_those_of_sentencepiece(vocabulary, text):
    python, graph, processor = vocabulary
    expected = [index + 103 for index in processor.encode(text)] + [1]
    assert graph.tokenize([text.encode()]).to_list() == [expected]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentencepiece_tokenizer, "_LONG", -1)
        assert python.encode(text) == expected


def test_ids_of_many_texts_at_once(vocabulary, monkeypatch):
    python, graph, processor = vocabulary
    texts = [*TEXTS, *generated(200, seed=3)]
    expected = [[index + 103 for index in ids] + [1] for ids in processor.encode(texts)]
    assert graph.tokenize([text.encode() for text in texts]).to_list() == expected
    monkeypatch.setattr(sentencepiece_tokenizer, "_LONG", -1)
    assert python.encode_batch(texts) == expected


def test_which_vocabularies_have_a_twin(vocabulary, request):
    python, _, processor = vocabulary
    twin = byte_fallback_twin(python.model_proto)
    if "byte" in request.node.callspec.params["vocabulary"]:
        assert twin is None
    else:
        assert twin.first_byte_id == processor.vocab_size()


def test_a_run_takes_linear_time(vocab_file):
    python = PegasusTokenizer(vocab_file)
    graph = TFPegasusTokenizer.from_tokenizer(python)
    run = "日" * 333_333
    for tokenize in (
        lambda text: python.encode(text),
        lambda text: graph.tokenize(tf.constant([text.encode()])).to_list()[0],
    ):
        unknown = tokenize("日")
        start = time.process_time()
        assert tokenize(run) == unknown
        # 7.5 s where sentencepiece joins the run.
        assert time.process_time() - start < 3


def test_the_layer_detokenizes_no_bytes(vocab_file):
    python = PegasusTokenizer(vocab_file)
    graph = TFPegasusTokenizer.from_tokenizer(python)
    past = list(range(len(python), len(python) + 300))
    assert graph.detokenize([[*python.encode("the fox"), *past]]).numpy() == [b"the fox"]
