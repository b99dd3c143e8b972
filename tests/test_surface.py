"""Compares the public names with those of the reference, see `tools/surface.py`."""

import fnmatch
import json

import pytest
from surface import DOCUMENT, GOLDEN, REASONS, compare, counts, document
from surface_names import own_surface

REFERENCE = json.loads(GOLDEN.read_text())


@pytest.fixture(scope="module")
def ours():
    return own_surface()


def test_every_absent_name_has_a_reason(ours):
    rows = compare(ours, REFERENCE)
    missing = [r.name for group in rows.values() for r in group if not r.note and r.state != "same"]
    assert not missing, "give the reasons in tools/surface_reasons.json"


def test_every_reason_is_needed(ours):
    rows = [row for group in compare(ours, REFERENCE).values() for row in group]
    absent = [row.name for row in rows if row.state == "absent"]
    patterns = [key for key in REASONS["absent"] if not fnmatch.filter(absent, key)]
    assert not patterns, "these names are not absent"


def test_document_is_up_to_date(ours):
    assert document(ours, REFERENCE) == DOCUMENT.read_text(), "run tools/surface.py"


def test_names_that_scripts_use_are_the_same(ours):
    rows = {row.name: row.state for group in compare(ours, REFERENCE).values() for row in group}
    for name in (
        "PegasusTokenizer.__call__(text_target)",
        "PegasusTokenizerFast.__call__(return_offsets_mapping)",
        "PegasusConfig(d_model)",
        "PegasusConfig.hidden_size",
        "GenerationConfig(num_beams)",
        "BatchEncoding.word_ids",
        "TFPegasusForConditionalGeneration.call(labels)",
        "TFPegasusForConditionalGeneration.generate(num_beams)",
        "TFPegasusForConditionalGeneration.generate(encoder_outputs)",
        "TFPegasusForConditionalGeneration.from_pretrained(output_loading_info)",
        "TFPegasusForCausalLM.generate(streamer)",
        "TFSeq2SeqLMOutput.logits",
    ):
        assert rows[name] == "same", name


def surface(parameters=None, **others):
    names = {} if parameters is None else {"method": {"parameters": parameters}}
    return {"Class": {"names": {**names, **others}}}


@pytest.mark.parametrize(
    ("own", "state", "note"),
    [
        ({"a": {"default": 1, "position": 1}}, "same", ""),
        ({"a": {"default": 2, "position": 1}}, "differs", "default 2, not 1"),
        ({"a": {"ignored": "no need"}}, "differs", "accepted, without effect: no need"),
        ({"a": {"refused": "use b"}}, "absent", "use b"),
        ({}, "absent", None),
    ],
)
def test_arguments_are_compared(own, state, note):
    theirs = surface({"a": {"default": 1, "position": 1}})
    rows = compare(surface(own), theirs)
    assert rows["Class"][1] == ("Class.method(a)", state, note)
    assert counts(rows)[state] == (2 if state == "same" else 1)


def test_positions_are_compared():
    theirs = surface({"a": {"position": 1}, "b": {"position": 2}})
    ((order, *_),) = compare(surface({"b": {"position": 1}, "a": {"position": 2}}), theirs).values()
    assert order == ("Class.method", "differs", "positional argument 1 is `b`, not `a`")


def test_missing_and_refused_methods_are_absent():
    theirs = surface(one={"parameters": {}}, other={"parameters": {}}, third={})
    rows = compare(surface(other={"parameters": {}, "refused": "call it"}, third={}), theirs)
    assert rows["Class"] == [
        ("Class.one", "absent", None),
        ("Class.other", "absent", "call it"),
        ("Class.third", "same", ""),
    ]
