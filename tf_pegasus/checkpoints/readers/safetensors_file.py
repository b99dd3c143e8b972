"""`model.safetensors`: our own format, and Hugging Face's."""

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy, which safetensors needs)
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tf_pegasus.checkpoints.names import with_model_prefix
from tf_pegasus.checkpoints.readers.weight_file import WeightFile

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


class SafetensorsFile(WeightFile):
    """Reads one safetensors file."""

    kind = "safetensors"

    def __init__(self, path):
        super().__init__([path])
        self._stored = {}
        try:
            with safe_open(path, framework="np") as file:
                for stored in file.keys():  # noqa: SIM118 (no mapping)
                    part = file.get_slice(stored)
                    dtype = part.get_dtype()
                    if dtype not in _DTYPES:
                        raise self.damaged(f"{stored} has the dtype {dtype}")
                    name = with_model_prefix(stored)
                    self.add(name, part.get_shape(), _DTYPES[dtype])
                    self._stored[name] = stored
        except (SafetensorError, OverflowError) as error:
            raise self.damaged(error) from error

    def read(self, name):
        # Opened anew each time: pages of a mapped file stay in memory until it is closed.
        try:
            with safe_open(self.paths[0], framework="np") as file:
                return file.get_tensor(self._stored[name])
        except (SafetensorError, OverflowError) as error:
            raise self.damaged(error) from error


def write_safetensors(path, tensors):
    """Writes tensors by name; the metadata is what PyTorch's loader insists on."""
    save_file(tensors, path, metadata={"format": "pt"})
