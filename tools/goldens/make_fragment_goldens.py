"""Makes goldens of extractive coverage and density with the authors' own code.

Needs a clone of github.com/lil-lab/newsroom, and no spaCy, since the texts are split at spaces:

    python tools/goldens/make_fragment_goldens.py path/of/newsroom
"""

import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"


def main():
    sys.modules["spacy"] = ModuleType("spacy")
    path = Path(sys.argv[1], "newsroom", "analyze", "fragments.py")
    spec = importlib.util.spec_from_file_location("fragments", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # So that the tokenizer is not loaded, which is not used.
    module.Fragments._load_model = classmethod(lambda cls: None)

    source = random.Random(0)
    cases = []
    # Few different words make many matches that overlap.
    for letters in ("ab", "abc", "abcdefgh"):
        for _ in range(12):
            document, summary = (
                [source.choice(letters) for _ in range(source.randint(1, length))]
                for length in (30, 10)
            )
            found = module.Fragments(" ".join(summary), " ".join(document), tokenize=False)
            cases.append(
                {
                    "document": " ".join(document),
                    "summary": " ".join(summary),
                    "fragments": [match.length for match in found.overlaps()],
                    "coverage": found.coverage(),
                    "density": found.density(),
                    "compression": found.compression(),
                }
            )
    lines = ",\n".join(json.dumps(case) for case in cases)
    (GOLDENS / "fragments.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
