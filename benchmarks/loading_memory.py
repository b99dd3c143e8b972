"""Peak memory of loading a model with pegasus-large's shape, for each format.

    python benchmarks/loading_memory.py [--layers 16]

Writes a model with random weights in every format, loads each in a fresh process, and prints the
peak resident memory of loading, without the memory after importing the package (mostly
TensorFlow's libraries), relative to the size of the float32 weights. Needs about 12 GB of disk and
6 GB of memory.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

WRITE = """
import sys
from pathlib import Path
from tf_pegasus import PegasusConfig, TFPegasusForConditionalGeneration
layers = int(sys.argv[2])
config = PegasusConfig.from_preset("large", encoder_layers=layers, decoder_layers=layers)
model = TFPegasusForConditionalGeneration(config)
for form in sys.argv[3:]:
    name, _, dtype = form.partition(":")
    model.save_pretrained(
        Path(sys.argv[1]) / form, weights_format=name, dtype=dtype or None, max_shard_size="50GB"
    )
"""
LOAD = """
import resource, sys, time
from tf_pegasus import TFPegasusForConditionalGeneration
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
model = TFPegasusForConditionalGeneration.from_pretrained(sys.argv[1])
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(before * 1024, peak * 1024, 4 * model.count_params(), seconds)
"""
FORMS = (
    "safetensors",
    "safetensors:bfloat16",
    "safetensors:float16",
    "bin",
    "h5",
    "msgpack",
    "original",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--forms", nargs="*", default=FORMS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-c", WRITE, directory, str(arguments.layers)]
        subprocess.run([*command, *arguments.forms], check=True, stderr=subprocess.DEVNULL)
        print("| format | peak above the import / float32 weights | the import itself | seconds |")
        print("|---|---|---|---|")
        for form in arguments.forms:
            path = str(Path(directory) / form)
            result = subprocess.run(
                [sys.executable, "-c", LOAD, path], check=True, capture_output=True, text=True
            )
            before, peak, weights, seconds = map(float, result.stdout.split())
            above = (peak - before) / weights
            print(f"| {form} | {above:.2f} | {before / weights:.2f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
