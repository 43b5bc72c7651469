"""Lets lmms-eval's LLaVA adapter score continuations with transformers 5.

To find where the continuation starts, the adapter counts the tokens of the context with the processor but
without the pictures. transformers 5 refuses a text whose image tokens have no pictures; transformers 4 counted
them as one token each, so that a part of the picture was scored as continuation. Given the pictures of the call
before, the count is right.
"""

from __future__ import annotations

from typing import Any


class _ProcessorWithPictures:
    """The adapter's processor, which remembers the pictures of the last call for a call without any."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._pictures: Any = None

    def __call__(self, *, text: Any, images: Any = None, **options: Any) -> Any:
        if images is not None:
            self._pictures = images
        return self._processor(text=text, images=self._pictures, **options)


def count_context_with_pictures(model: Any) -> None:
    """Mend ``loglikelihood`` of a model, if it is lmms-eval's LLaVA adapter; others are left alone."""
    if not any(kind.__module__ == "lmms_eval.models.simple.llava_hf" for kind in type(model).__mro__):
        return
    score = model.loglikelihood

    def loglikelihood(requests: list[Any]) -> list[Any]:
        processor = model._image_processor  # noqa: SLF001  (the adapter has no other place for it)
        model._image_processor = _ProcessorWithPictures(processor)  # noqa: SLF001
        try:
            scores: list[Any] = score(requests)
            return scores
        finally:
            model._image_processor = processor  # noqa: SLF001

    model.loglikelihood = loglikelihood
