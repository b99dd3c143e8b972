"""What can be chosen when weights are written; importing it imports no TensorFlow."""

from typing import Literal, get_args

FileDtype = Literal["float32", "float16", "bfloat16"]
FILE_DTYPES = get_args(FileDtype)
MAX_SHARD_SIZE = "5GB"
WEIGHTS_FORMATS = ("safetensors", "bin", "h5", "msgpack", "original")
