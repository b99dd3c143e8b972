"""LoRA adapters alone, in the files of the PEFT library."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from tf_pegasus.checkpoints.names import dense_layers, projection
from tf_pegasus.checkpoints.readers.safetensors_file import SafetensorsFile
from tf_pegasus.utils.files import (
    read_json_object,
    write_bytes_atomically,
    write_json_atomically,
)

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
# What a file must not ask for, because it would change the result.
_UNSUPPORTED = {
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
    "fan_in_fan_out": False,
}


def adapted_layers(model: Any) -> dict[str, Any]:
    """Returns the dense layers that have an adapter, by name."""
    return {name: dense for name, dense in dense_layers(model).items() if dense.lora_enabled}


def save_adapters(model: Any, directory: str | Path) -> None:
    """Writes a model's adapters, see `LoraMixin.save_adapters`."""
    layers = adapted_layers(model)
    if not layers:
        raise ValueError("the model has no adapters: call enable_lora() first")
    shapes = {(dense.lora_rank, dense.lora_alpha) for dense in layers.values()}
    targets = {projection(name) for name in layers}
    others = [
        name for name in dense_layers(model) if projection(name) in targets and name not in layers
    ]
    if len(shapes) > 1 or others:
        raise ValueError(
            "adapter files hold one rank and alpha, for all layers of a name: "
            + (f"there are ranks and alphas {sorted(shapes)}" if len(shapes) > 1 else "")
            + (f"{others[0]} has no adapter" if others else "")
        )
    ((rank, alpha),) = shapes
    tensors = {}
    for name, dense in layers.items():
        for letter, variable in (("A", dense.lora_kernel_a), ("B", dense.lora_kernel_b)):
            matrix = np.ascontiguousarray(np.asarray(variable).T)
            tensors[f"{_PREFIX}{name}.lora_{letter}.weight"] = matrix
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    write_bytes_atomically(directory / WEIGHTS_FILE, save(tensors, {"format": "pt"}))
    config = {
        "peft_type": "LORA",
        "task_type": "SEQ_2_SEQ_LM",
        "base_model_name_or_path": getattr(model.config, "_name_or_path", None),
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "target_modules": sorted(targets),
        "bias": "none",
        "inference_mode": True,
    }
    write_json_atomically(directory / CONFIG_FILE, config)


def read_adapters(directory: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads a directory of adapters.

    Returns:
        The configuration; and the matrices, `(rank, in_dim)` and `(out_dim, rank)`, by the
        names of layers followed by `.lora_A` or `.lora_B`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or asks for what is not supported.
    """
    directory = Path(directory)
    config = read_json_object(directory / CONFIG_FILE)
    place = str(directory / CONFIG_FILE)
    if config.get("peft_type") != "LORA":
        raise ValueError(f"{place!r}: peft_type={config.get('peft_type')!r} must be 'LORA'")
    for name, value in _UNSUPPORTED.items():
        if (config.get(name) or value) != value:
            raise ValueError(f"{place!r}: {name}={config[name]!r} is not supported")
    for name in ("r", "lora_alpha"):
        value = config.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ValueError(f"{place!r}: {name}={value!r} must be a positive number")
    file = SafetensorsFile(directory / WEIGHTS_FILE)
    matrices = {}
    for name in file.tensors:
        stem = name.removeprefix(_PREFIX).removesuffix(".weight").removesuffix(".default")
        matrices[stem] = file.read(name)
    return config, matrices
