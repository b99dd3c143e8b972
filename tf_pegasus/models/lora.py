"""LoRA (Hu et al., 2021): training small adapters of frozen dense layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_pegasus.checkpoints.adapters import adapted_layers, read_adapters, save_adapters
from tf_pegasus.checkpoints.names import dense_layers, projection

TARGETS = ("q_proj", "v_proj")


class LoraMixin:
    """Adapters of a model's dense layers."""

    def enable_lora(
        self: Any, rank: int, targets: Sequence[str] = TARGETS, alpha: float | None = None
    ) -> None:
        """Adds an adapter to dense layers, and freezes everything else.

        A kernel W becomes W + alpha / rank · A B, where B begins as zeros. Call `compile`
        afterwards. `generate` and exports use the adapters; `save_pretrained` and `.keras` files
        have them merged; `save_adapters` writes them alone.

        Args:
            rank: int, columns of A and rows of B.
            targets: names of the layers, of `"q_proj"`, `"k_proj"`, `"v_proj"`, `"out_proj"`,
                `"fc1"` and `"fc2"`.
            alpha: float, by default `rank`.

        Raises:
            ValueError: if a value is out of range, or there are adapters already.
        """
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise ValueError(f"rank={rank!r} must be a positive int")
        if alpha is not None and not alpha > 0:
            raise ValueError(f"alpha={alpha!r} must be positive")
        layers = dense_layers(self)
        known = sorted({projection(name) for name in layers})
        targets = [targets] if isinstance(targets, str) else list(targets)
        unknown = [name for name in targets if name not in known]
        if unknown or not targets:
            raise ValueError(f"targets={targets!r} must be some of {', '.join(known)}")
        if adapted_layers(self):
            raise ValueError("the model has adapters already")
        for name, dense in layers.items():
            if projection(name) in targets:
                dense.enable_lora(rank, lora_alpha=alpha)
        adapters = {
            id(variable)
            for dense in adapted_layers(self).values()
            for variable in (dense.lora_kernel_a, dense.lora_kernel_b)
        }
        for variable in self.variables:
            if variable.trainable:
                variable.trainable = id(variable) in adapters
        self.clear_programs()
        # The optimizer has state for what was trained before.
        self.compiled = False

    def save_adapters(self, directory: str) -> None:
        """Writes the adapters alone, as the PEFT library does.

        The files are `adapter_model.safetensors` and `adapter_config.json`.

        Args:
            directory: path, created if missing.

        Raises:
            ValueError: if there are no adapters, or not the same for all layers of a name.
        """
        save_adapters(self, directory)

    def load_adapters(self, directory: str) -> None:
        """Reads adapters of this model, written by `save_adapters` or by PEFT.

        Adapters are added where there are none, see `enable_lora`.

        Args:
            directory: path.

        Raises:
            FileNotFoundError: if a file is missing.
            ValueError: if a file is damaged, asks for what is not supported, or does not fit.
        """
        config, matrices = read_adapters(directory)
        targets = config.get("target_modules")
        if not isinstance(targets, list):
            raise ValueError(
                f"{directory!r}: target_modules={targets!r} must be a list of names of layers"
            )
        names = [projection(str(target)) for target in targets]
        expected = {}
        for name, dense in dense_layers(self).items():
            if projection(name) in names:
                in_dim, out_dim = dense.kernel.shape
                expected[f"{name}.lora_A"] = (config["r"], in_dim)
                expected[f"{name}.lora_B"] = (out_dim, config["r"])
        found = {name: matrix.shape for name, matrix in matrices.items()}
        if not expected or found != expected:
            wrong = sorted(set(found.items()) ^ set(expected.items()))
            raise ValueError(
                f"{directory!r} does not fit the model: expected {expected or targets}, of which "
                f"differs {wrong[0] if wrong else None}"
            )
        if not adapted_layers(self):
            self.enable_lora(config["r"], names, config["lora_alpha"])
        layers = adapted_layers(self)
        if {f"{name}.lora_A" for name in layers} != {n for n in expected if n.endswith("A")}:
            raise ValueError(f"{directory!r} has adapters of other layers than the model")
        for name, dense in layers.items():
            if (dense.lora_rank, dense.lora_alpha) != (config["r"], config["lora_alpha"]):
                raise ValueError(
                    f"{directory!r} has rank {config['r']} and alpha {config['lora_alpha']}, the "
                    f"model's adapters {dense.lora_rank} and {dense.lora_alpha}"
                )
            dense.lora_kernel_a.assign(np.asarray(matrices[f"{name}.lora_A"], "float32").T)
            dense.lora_kernel_b.assign(np.asarray(matrices[f"{name}.lora_B"], "float32").T)
