"""The first import of TensorFlow and Keras, in separate processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FAKE_KERAS = (
    "import sys, types; k = types.ModuleType('keras'); k.backend = types.SimpleNamespace("
    "backend=lambda: 'jax'); sys.modules['keras'] = k; "
)


def python(code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize(
    "code",
    [
        "from tf_pegasus import TFPegasusModel",
        "from tf_pegasus import TFPegasusTokenizer",
        "from tf_pegasus import export_saved_model",
        "from tf_pegasus.serving import ServedModel",
        "import tf_pegasus.layers.attention",
        "import tf_pegasus.models.backbone",
    ],
)
def test_other_keras_backends_are_refused(code):
    done = python(FAKE_KERAS + code)
    assert done.returncode == 1
    assert "ImportError: tf_pegasus needs Keras' TensorFlow backend, but it is 'jax'" in done.stderr
    assert "KERAS_BACKEND=tensorflow" in done.stderr


def test_backend_that_is_not_installed_is_refused():
    done = python("from tf_pegasus import Summarizer", KERAS_BACKEND="jax")
    assert done.returncode == 1
    assert "ImportError: tf_pegasus needs Keras' TensorFlow backend" in done.stderr


def test_code_without_keras_works_with_any_backend():
    done = python(
        FAKE_KERAS
        + "from tf_pegasus import GenerationConfig, PegasusConfig, PegasusTokenizer, __version__\n"
        "from tf_pegasus import PegasusTokenizerFast, bundled_model\n"
        "from tf_pegasus.serving import Client, ServingError\n"
        "assert 'tensorflow' not in sys.modules"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_only_messages_of_tensorflow_are_suppressed():
    code = (
        "import os, sys\n"
        "from tf_pegasus.utils import backend\n"
        "def start():\n"
        "    os.write(2, b'I0000 00:00:1795554860.690452    9063 port.cc:153] oneDNN\\n')\n"
        "    os.write(2, b'E0000 00:00:1795554860.690452    9063 cuda.cc:1] out of memory\\n')\n"
        "    os.write(2, b'written by another library\\n')\n"
        "    if 'FAIL' in os.environ: raise OSError('no')\n"
        "backend._start = start\n"
        "backend.load_backend()\n"
    )
    done = python(code, TF_CPP_MIN_LOG_LEVEL=None)
    assert done.stderr.splitlines() == [
        "E0000 00:00:1795554860.690452    9063 cuda.cc:1] out of memory",
        "written by another library",
    ]
    assert "oneDNN" in python(code, TF_CPP_MIN_LOG_LEVEL="0").stderr
    # A failed block prints all its output, which may say why.
    assert "oneDNN" in python(code, TF_CPP_MIN_LOG_LEVEL=None, FAIL="1").stderr
