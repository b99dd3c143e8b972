"""Makes LoRA adapters of a tiny checkpoint with the PEFT library, and goldens of its logits.

Run in the environment of `make_goldens.py`, after it, with PEFT:

    reference/bin/pip install "peft==0.21.*"
    reference/bin/python tools/goldens/make_adapter_goldens.py
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import PegasusForConditionalGeneration

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"
IDS = torch.tensor([[5, 6, 7, 1], [8, 9, 10, 1]])


def main():
    torch.manual_seed(0)
    base = PegasusForConditionalGeneration.from_pretrained(GOLDENS / "tiny-relu")
    config = LoraConfig(
        r=2, lora_alpha=6, target_modules=["q_proj", "fc1"], task_type="SEQ_2_SEQ_LM"
    )
    model = get_peft_model(base, config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.3)
        logits = model(input_ids=IDS, decoder_input_ids=IDS).logits.numpy()
    target = GOLDENS / "adapters"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        # It also writes a model card, and the base model's path.
        model.peft_config["default"].base_model_name_or_path = "tiny-relu"
        model.save_pretrained(directory)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            (target / name).write_bytes((Path(directory) / name).read_bytes())
    np.savez_compressed(target / "logits.npz", ids=IDS.numpy(), logits=logits)


if __name__ == "__main__":
    main()
