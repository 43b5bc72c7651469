"""Puts our hands on the two places where lmms-eval builds its model and talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..protocol.redaction import redact_arguments
from ..protocol.run import RunSpec
from .answering import Answering
from .chunking import ChunkSizes, sizes_for
from .digests import digest
from .events import Phases
from .llava_context import count_context_with_pictures
from .model_building import ModelFactory
from .optional_packages import OptionalPackages
from .replacing import replaced
from .resident import Resident
from .upstream_fixes import device_for_ranks
from .weights import fingerprint_of_arguments

# How many requests are computed together: an answer is the same, and one that ran out of memory is asked again
# in smaller batches.
_BATCHING = frozenset({"batch_size", "max_batch_size", "batch_size_per_gpu"})


class Instruments:
    """The evaluator's model, built by our rules and answering in chunks.

    Parameters
    ----------
    spec
        What is to be run.
    phases
        Where the evaluation is.
    answering
        Who feeds the model.
    accelerator
        The process group of several ranks, if there are several.
    resident
        May have the model from an evaluation before.
    answered
        Called when nothing will be asked any more, before the scoring.
    """

    def __init__(
        self,
        spec: RunSpec,
        phases: Phases,
        answering: Answering,
        accelerator: Any,
        resident: Resident,
        answered: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._phases = phases
        self._answering = answering
        self._accelerator = accelerator
        self._resident = resident
        self._answered = answered
        self.adapter = ""

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the places of the functions that the evaluator calls."""
        from lmms_eval import evaluator, models

        get_model = models.get_model
        packages = OptionalPackages()

        def factory(name: str, force_simple: bool = False) -> ModelFactory:
            self._phases.enter("loading model")
            return ModelFactory(get_model(name, force_simple), self._spec, packages, self._resident, self._built)

        converse = evaluator._run_generate_until_agentic  # noqa: SLF001

        def converse_one_by_one(model: Any, requests: list[Any], **how: Any) -> list[Any]:
            # An agent's conversation is one answer: its rounds are journaled together or not at all.
            one = self._answering.chunked(
                "generate_until_agentic", lambda chunk: converse(model, chunk, **how), lambda: ChunkSizes(fixed=1)
            )
            return one(requests)

        with (
            packages.listening(),
            replaced(models, "get_model", factory),
            replaced(evaluator, "_run_generate_until_agentic", converse_one_by_one),
        ):
            yield

    def _built(self, model: Any, arguments: dict[str, Any]) -> None:
        self.adapter = "simple" if model.is_simple else "chat"
        self._answering.model_digest = model_digest(self._spec.request.model, arguments, self.adapter)
        count_context_with_pictures(model)
        self._answering.wrap(model, lambda: self._sizes(model))
        device_for_ranks(model, self._accelerator)
        clean = model.clean

        def clean_and_score() -> None:  # the evaluator's sign that it will ask no more
            self._answered()
            self._phases.enter("scoring")
            if not self._resident.kept:  # it takes the model apart
                clean()

        model.clean = clean_and_score
        self._phases.enter("loading data")

    def _sizes(self, model: Any) -> ChunkSizes:
        sizes = (self._spec.request.batch_size, getattr(model, "batch_size_per_gpu", None))
        batch_size = next((size for size in sizes if isinstance(size, int) and size > 0), 1)
        return sizes_for(type(model).__module__, batch_size, self._spec.ranks, self._spec.chunk_seconds)


def model_digest(model: str, arguments: dict[str, Any], adapter: str) -> str:
    """Digest of what a model's answers depend on.

    Parameters
    ----------
    model
        The model's type.
    arguments
        ``model_args`` as an object; batch sizes in it do not count.
    adapter
        ``simple`` or ``chat``.
    """
    telling = {name: value for name, value in arguments.items() if name not in _BATCHING}
    # The same model answers whoever asks: a job goes on with another API key.
    return digest(model, redact_arguments(telling), adapter, fingerprint_of_arguments(telling))
