import warnings

import pytest

from tf_pegasus import GenerationConfig
from tf_pegasus.config.generation_effects import without_effect

DEFAULTS = GenerationConfig().to_dict()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.5}, [("temperature", "do_sample=False")]),
        ({"temperature": 0.5, "do_sample": True}, []),
        ({"temperature": 1.0, "top_k": None}, []),
        ({"length_penalty": 2.0, "num_beams": 1}, [("length_penalty", "num_beams=1")]),
        ({"length_penalty": 2.0, "num_beams": 2}, []),
        ({"output_scores": True}, [("output_scores", "return_dict_in_generate=False")]),
        ({"output_scores": True, "return_dict_in_generate": True}, []),
    ],
)
def test_options_without_effect(options, expected):
    values = GenerationConfig().updated(**options).to_dict()
    assert list(without_effect(options, values, DEFAULTS)) == expected


def test_generate_warns_of_them(model, batch):
    options = {"max_length": 3, "engine": "eager"}
    message = "temperature=0.5 has no effect with do_sample=False"
    with pytest.warns(UserWarning, match=message):
        model.generate(batch["input_ids"], temperature=0.5, **options)
    # Defaults of the model are no options of the call.
    model.generation_config = GenerationConfig(temperature=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.generate(batch["input_ids"], temperature=None, **options)
