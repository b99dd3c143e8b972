"""`generate` and `fit` in processes that were forked, and in those that were started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import multiprocessing, os, sys
import numpy as np
from tf_pegasus import TFPegasusForConditionalGeneration

def load():
    return TFPegasusForConditionalGeneration.from_pretrained(sys.argv[1])

def generate(model=None):
    model = model or load()
    return model.generate(np.array([[5, 6, 1]]), engine="graph", max_length=4).shape[0]

def fit(model):
    model.compile()
    model.fit(np.array([[5, 6, 1]]), np.array([[5, 1]]))

if __name__ == "__main__":
    how = sys.argv[2]
    model = None if how == "imported" else load()
    if how in ("spawn", "forkserver"):
        generate(model)
        context = multiprocessing.get_context(how)
        with context.Pool(1) as pool:
            print("rows", pool.apply(generate))
        sys.exit()
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    try:
        if how == "idle":
            print("idle", flush=True)
        else:
            print("rows", (fit if how == "fit" else generate)(model), flush=True)
    except RuntimeError as error:
        print(error, flush=True)
    finally:
        os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ("generate", "generate would hang: this process was forked"),
        ("fit", "fit would hang: this process was forked"),
        ("idle", "idle"),
        ("imported", "rows 1"),
        ("spawn", "rows 1"),
        ("forkserver", "rows 1"),
    ],
)
def test_a_child(how, answer, model_directory, tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    done = subprocess.run(
        [sys.executable, script, model_directory, how],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.startswith(answer), done.stdout + done.stderr[-2000:]
    assert done.returncode == 0
