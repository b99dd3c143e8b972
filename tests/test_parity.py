import numpy as np
import pytest
from helpers.tiny import GOLDENS
from parity import (
    CHECKPOINTS,
    COLUMNS,
    REFERENCE_FILES,
    flax_differences,
    load_outputs,
    original_differences,
    reference_differences,
    tensorflow_differences,
)

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.checkpoints.saving import WEIGHTS_FORMATS

TOLERANCE = 1e-4


def assert_small(differences):
    seen = set()
    for column, where, difference in differences:
        assert difference <= TOLERANCE, (column, where, difference)
        seen.add(column)
    assert seen == set(COLUMNS)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_output_equals_the_reference(name):
    assert_small(reference_differences(GOLDENS / name, load_outputs(name)))


@pytest.mark.parametrize("form", [form for form in REFERENCE_FILES if form])
def test_files_of_the_reference_implementations_give_the_same_outputs(form):
    assert_small(
        reference_differences(GOLDENS / "tiny-formats" / form, load_outputs("tiny-formats"))
    )


@pytest.mark.slow
@pytest.mark.parametrize("form", WEIGHTS_FORMATS[:-1])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_saved_files_give_the_same_outputs(name, form, tmp_path):
    model = TFPegasusForConditionalGeneration.from_pretrained(GOLDENS / name)
    model.save_pretrained(tmp_path, weights_format=form)
    assert_small(reference_differences(tmp_path, load_outputs(name)))


@pytest.mark.parametrize(
    "differences", [tensorflow_differences, flax_differences, original_differences]
)
def test_outputs_of_a_single_reference_agree(differences):
    found = differences()
    assert found
    assert all(difference <= TOLERANCE for difference in found.values()), found


def test_wrong_weight_is_detected(tmp_path):
    """The comparison can fail: it detects that one weight of a thousand moved by 0.1."""
    model = TFPegasusForConditionalGeneration.from_pretrained(GOLDENS / "tiny-formats")
    kernel = model.get_decoder().layers[0].encoder_attn.v_proj.kernel
    changed = np.array(kernel)
    changed[3, 5] += 0.1
    kernel.assign(changed)
    model.save_pretrained(tmp_path)
    golden = load_outputs("tiny-formats")
    assert max(value for _, _, value in reference_differences(tmp_path, golden)) > TOLERANCE
