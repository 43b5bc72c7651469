"""A model is asked, and kept, as if each job had one of its own and asked it once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_lmms_eval.runner.answering import Answering
from jupyter_lmms_eval.runner.chunking import ChunkSizes
from jupyter_lmms_eval.runner.events import EventLog, Phases
from jupyter_lmms_eval.runner.journal import Journal
from jupyter_lmms_eval.runner.model_state import ModelState
from jupyter_lmms_eval.runner.progress import SampleCounter
from jupyter_lmms_eval.runner.turns import Turns

transformers = pytest.importorskip("transformers")
instance = pytest.importorskip("lmms_eval.api.instance")

# Of which documents the fourth has two pictures.
PICTURES = (1, 1, 1, 2, 1, 1, 1, 1)


class OneVision:
    """Answers with how it would scale the pictures, which is decided as LLaVA-OneVision of lmms-eval 0.7.3 does."""

    def __init__(self) -> None:
        self._config = transformers.PretrainedConfig(image_aspect_ratio="anyres")

    def generate_until(self, requests: list[Any]) -> list[str]:
        origin, answers = self._config.image_aspect_ratio, []
        for request in requests:
            self._config.image_aspect_ratio = "pad" if len(request.args[1]) > 1 else origin
            answers.append(self._config.image_aspect_ratio)
        return answers


OneVision.__module__ = "lmms_eval.models.simple.llava_onevision"


def requests() -> list[Any]:
    return [
        instance.Instance(
            request_type="generate_until",
            arguments=(f"question {number}", ["picture"] * pictures),
            idx=0,
            metadata={"task": "t", "doc_id": number, "repeats": 1},
        )
        for number, pictures in enumerate(PICTURES)
    ]


def in_chunks(model: Any, folder: Path) -> list[str]:
    folder.mkdir()
    asked, counter, events = requests(), SampleCounter(), EventLog(folder / "events.jsonl", 1)
    counter.plan("t", asked)
    turns = Turns(folder / "finish")
    answering = Answering(Journal(folder / "journal.jsonl"), counter, events, Phases(events, 0.0), lambda: 0, 1, turns)
    answering.wrap(model, lambda: ChunkSizes(fixed=2))
    return [answer.text for answer in model.generate_until(asked)]


def test_a_model_answers_in_chunks_what_it_answers_in_one_call(tmp_path: Path) -> None:
    model = OneVision()
    as_built = ModelState(model)
    at_once = OneVision().generate_until(requests())
    assert at_once == ["anyres"] * 3 + ["pad"] + ["anyres"] * 4
    assert in_chunks(model, tmp_path / "first") == at_once
    model._config.image_aspect_ratio = "pad"
    as_built.restore()
    assert in_chunks(model, tmp_path / "second") == at_once, "the next job finds it as it was built"


def test_what_adapters_set_in_a_models_parts_is_put_back() -> None:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = transformers.PretrainedConfig(select_layer=-2)
            self.generation_config = transformers.GenerationConfig(temperature=0.5, do_sample=True)

    class SigLipImageProcessor:
        """Some models bring one of their own."""

        def __init__(self) -> None:
            self.do_resize = True
            self.size = {"height": 384}

    class Adapter:
        def __init__(self) -> None:
            self._model = Network()
            self._image_processor = SigLipImageProcessor()
            self.tasks: dict[str, int] = {}

    adapter = Adapter()
    config, generation = adapter._model.config, adapter._model.generation_config
    as_built = ModelState(adapter)
    adapter._image_processor.do_resize = False
    adapter._image_processor.size["height"] = 7
    config.select_layer = -1
    generation.temperature = None
    adapter._model.generation_config = transformers.GenerationConfig()
    adapter.tasks["digits_read"] = 1
    adapter.later = "an attribute that no new one has"  # type: ignore[attr-defined]
    for _ in range(2):
        as_built.restore()
        assert adapter._image_processor.do_resize
        assert adapter._image_processor.size == {"height": 384}
        assert config.select_layer == -2
        assert adapter._model.generation_config is generation
        assert generation.temperature == 0.5
        assert vars(adapter).keys() == {"_model", "_image_processor", "tasks"}
        assert adapter.tasks == {}
        adapter._image_processor.size["height"] = 7
