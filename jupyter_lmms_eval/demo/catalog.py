"""What the demonstration offers: the folder of its tasks and how lmms-eval runs its models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent

TASKS_DIR = _HERE / "tasks"
CHECKPOINTS_DIR = _HERE / "checkpoints"

# Reading one digit, reading three, and choosing a digit by log-likelihood.
TASKS = ("digits_read", "numbers_read", "digits_choice")


@dataclass(frozen=True)
class DemoModel:
    """One model of the demonstration, in the words of lmms-eval's command line.

    Attributes
    ----------
    title : str
        What to call the model in front of people.
    model : str
        lmms-eval's name of the model class (`--model`).
    model_args : Mapping[str, str | int]
        What the model class is built with (`--model_args`), for a CPU.
    batch_size : int
        The largest batch size the model class takes and gains from.
    tasks : tuple[str, ...]
        The demonstration's tasks that this model can answer.
    force_simple : bool
        Whether all its tasks need `--force_simple`: lmms-eval's chat adapters only generate, so
        choosing by log-likelihood has to go through the simple one.
    """

    title: str
    model: str
    model_args: Mapping[str, str | int]
    batch_size: int
    tasks: tuple[str, ...]
    force_simple: bool = False

    @property
    def checkpoint(self) -> Path:
        """The folder with the model's configuration and weights."""
        return Path(str(self.model_args["pretrained"]))


MODELS: Mapping[str, DemoModel] = {
    "tiny_llava": DemoModel(
        title="Tiny LLaVA",
        model="llava_hf",
        # Without a device_map the class passes an empty one on, which transformers refuses.
        model_args={
            "pretrained": str(CHECKPOINTS_DIR / "tiny_llava"),
            "device": "cpu",
            "device_map": "cpu",
        },
        batch_size=1,  # llava_hf asserts it
        tasks=TASKS,
        force_simple=True,
    ),
    "tiny_qwen2_5_vl": DemoModel(
        title="Tiny Qwen2.5-VL",
        model="qwen2_5_vl",
        # The class overrides the checkpoint's own picture size: one to four image tokens, as in training.
        model_args={
            "pretrained": str(CHECKPOINTS_DIR / "tiny_qwen2_5_vl"),
            "device": "cpu",
            "device_map": "cpu",
            "min_pixels": 784,
            "max_pixels": 3136,
        },
        batch_size=32,
        tasks=("digits_read", "numbers_read"),  # the class has no log-likelihood
    ),
}
