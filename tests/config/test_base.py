import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from tf_pegasus.config.base import (
    Options,
    check_names,
    choice,
    flag,
    integer,
    number,
    text,
    token_ids,
    token_sequences,
)


@dataclass(frozen=True)
class Colours(Options):
    count: int = integer(3, least=1, most=9)
    limit: int | None = integer(None, least=0, optional=True)
    share: float = number(0.5, above=0, most=1)
    weight: float = number(1.0)
    shown: bool = flag(True)
    name: str = choice("red", ("red", "green", None))
    label: str = text("a")
    ids: tuple | None = token_ids()
    words: tuple | None = token_sequences()
    extra: dict = field(default_factory=dict, hash=False)

    file_name = "colours.json"
    foreign_keys = ("counts",)

    def __post_init__(self):
        self.validate()

    def _check_together(self):
        if self.limit is not None and self.limit < self.count:
            raise ValueError(f"limit={self.limit} must not be below count={self.count}")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 0}, ValueError, "count=0 must be between 1 and 9"),
        ({"count": True}, TypeError, "count=True must be an int"),
        ({"count": None}, TypeError, "count=None must be an int"),
        ({"limit": -1}, ValueError, "limit=-1 must be at least 0"),
        ({"limit": 2}, ValueError, "limit=2 must not be below count=3"),
        ({"share": 0.0}, ValueError, "share=0.0 must be above 0 and at most 1"),
        ({"share": float("nan")}, ValueError, "share=nan must be above 0 and at most 1"),
        ({"weight": float("inf")}, ValueError, "weight=inf must be finite"),
        ({"weight": "1"}, TypeError, "weight='1' must be a float"),
        ({"shown": 1}, TypeError, "shown=1 must be a bool"),
        ({"name": "blue"}, ValueError, "name='blue' must be one of red, green, None"),
        ({"label": ""}, ValueError, "label='' must be a non-empty string"),
        ({"label": 1}, TypeError, "label=1 must be a str"),
        ({"ids": [1, -1]}, ValueError, "ids must contain ids"),
        ({"words": [[]]}, ValueError, "words contains an empty word"),
    ],
)
def test_bounds_are_checked_with_their_messages(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Colours(**options)


def test_values_are_hashable_and_survive_json(tmp_path):
    options = Colours(ids=[1, 2], words=[[3], [4, 5]], weight=10**400, extra={"a": [1]})
    assert (options.ids, options.words) == ((1, 2), ((3,), (4, 5)))
    hash(options)
    options = Colours(ids=[1, 2], words=[[3], [4, 5]], extra={"a": [1]})
    options.save_pretrained(tmp_path / "new")
    assert Colours.from_pretrained(tmp_path / "new") == options
    assert Colours.from_pretrained(tmp_path / "new" / "colours.json", count=4).count == 4


def test_other_keys_are_kept_and_misspellings_are_named():
    with pytest.warns(UserWarning, match=r"Colours: the key 'labels' .* did you mean 'label'"):
        options = Colours.from_dict({"labels": "b", "counts": 2})
    assert options.extra == {"labels": "b", "counts": 2}
    with pytest.raises(TypeError, match="unknown Colours option 'cuont'; did you mean 'count'"):
        Colours.from_dict({}, cuont=2)


def test_unknown_names_without_a_similar_one():
    with pytest.raises(TypeError, match=r"^unknown flag 'zzz'$"):
        check_names(["zzz"], ["count"], "flag")
    check_names(["count"], ["count"], "flag")


def test_imports_neither_tensorflow_nor_keras():
    code = (
        "import sys; sys.modules.update(tensorflow=None, keras=None);"
        "import types; package = types.ModuleType('tf_pegasus');"
        "package.__path__ = ['tf_pegasus']; sys.modules['tf_pegasus'] = package;"
        "import tf_pegasus.config.model, tf_pegasus.config.generation, tf_pegasus.config.presets"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
