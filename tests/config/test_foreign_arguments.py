import numpy as np
import pytest
from helpers.tiny import tiny_config

from tf_pegasus import GenerationConfig, PegasusTokenizer, PegasusTokenizerFast, bundled_model
from tf_pegasus.config.foreign_arguments import Foreign, check_foreign

TABLE = {"flag": Foreign((None, False), "use other()")}


def test_only_values_that_ask_for_nothing_are_accepted():
    for value in (None, False):
        check_foreign({"flag": value}, TABLE, "method")
    for value in (True, 0, np.zeros(2)):
        with pytest.raises(ValueError, match=r"flag=.* is not supported: use other\(\)"):
            check_foreign({"flag": value}, TABLE, "method")
    with pytest.raises(ValueError, match=r"flag='x{56}\.\.\. is"):
        check_foreign({"flag": "x" * 99}, TABLE, "method")


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(TypeError, match="unknown argument of method 'flg'; did you mean 'flag'"):
        check_foreign({"flg": None}, TABLE, "method")
    with pytest.raises(TypeError, match="did you mean 'own'"):
        check_foreign({"owm": None}, TABLE, "method", own=("own",))


def test_models_are_saved_with_arguments_of_transformers(model, tmp_path):
    model.save_pretrained(
        tmp_path,
        safe_serialization=True,
        saved_model=False,
        push_to_hub=False,
        is_main_process=True,
        state_dict=None,
    )
    assert (tmp_path / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"safe_serialization": False}, "use weights_format='h5' .* or weights_format='bin'"),
        ({"saved_model": True}, r"use export_saved_model\(\)"),
        ({"push_to_hub": True}, r"huggingface_hub\.upload_folder"),
        ({"is_main_process": False}, "in the main process only"),
        ({"state_dict": {}}, r"load others by from_pretrained\(state_dict=…\)"),
    ],
)
def test_models_say_what_to_use_instead(model, keywords, message, tmp_path):
    with pytest.raises(ValueError, match=f"{next(iter(keywords))}=.*{message}"):
        model.save_pretrained(tmp_path / "new", **keywords)
    assert not (tmp_path / "new").exists()
    with pytest.raises(TypeError, match="'weight_format'; did you mean 'weights_format'"):
        model.save_pretrained(tmp_path / "new", weight_format="bin")


@pytest.mark.parametrize("cls", [PegasusTokenizer, PegasusTokenizerFast])
def test_tokenizers_say_what_to_use_instead(cls, tmp_path):
    tokenizer = cls.from_pretrained(bundled_model())
    with pytest.raises(ValueError, match="filename_prefix='a' is not supported: rename the files"):
        tokenizer.save_pretrained(tmp_path / "new", filename_prefix="a")
    with pytest.raises(ValueError, match="legacy_format=False is not supported"):
        tokenizer.save_pretrained(tmp_path / "new", legacy_format=False)
    assert not (tmp_path / "new").exists()
    tokenizer.save_pretrained(tmp_path, legacy_format=None, filename_prefix=None)
    assert cls.from_pretrained(tmp_path)("the") == tokenizer("the")


@pytest.mark.parametrize("make", [tiny_config, GenerationConfig])
def test_configurations_say_what_to_use_instead(make, tmp_path):
    make().save_pretrained(tmp_path, push_to_hub=False)
    assert type(make()).from_pretrained(tmp_path) == make()
    with pytest.raises(ValueError, match=r"push_to_hub=True .* huggingface_hub\.upload_folder"):
        make().save_pretrained(tmp_path, push_to_hub=True)
