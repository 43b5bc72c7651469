"""What a model's own objects say beside its weights: put back, so that no evaluation sees what another one set there.

Adapters of lmms-eval write into configurations and processors while they answer: LLaVA takes the aspect ratio from the
request, LLaVA-OneVision pads documents of several pictures, Oryx and Ola stop resizing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

# Objects that say how a model works, by the names of their classes: also those that do not come from transformers.
_TELLING = re.compile(r"(Config|Processor|Tokenizer|TokenizerFast|ProcessorFast)$")
# What a module of torch may hold of them.
_OF_MODULES = ("config", "generation_config")
# Adapters that read the aspect ratio when they are called, and put it back before each document.
_PADS = ("llava_onevision", "egogpt")


class ModelState:
    """The attributes of a model as they are now, and of the configurations and processors that it holds.

    Parameters
    ----------
    model
        An lmms-eval model.
    """

    def __init__(self, model: Any) -> None:
        modules, telling = _held(model)
        self._attributes = [(each, copied(vars(each))) for each in (model, *telling)]
        self._of_modules = [
            (module, name, getattr(module, name)) for module in modules for name in _OF_MODULES if hasattr(module, name)
        ]

    def restore(self) -> None:
        """Put them back. Of lists and dictionaries the entries are those of then too."""
        for each, attributes in self._attributes:
            vars(each).clear()
            vars(each).update(copied(attributes))
        for module, name, value in self._of_modules:
            setattr(module, name, value)


def copied(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Copy attributes, of lists, dictionaries and sets the entries too."""
    return {name: copy.copy(value) if type(value) in (dict, list, set) else value for name, value in attributes.items()}


def as_one_call(model: Any) -> Callable[[], None]:
    """Take note, when a model is about to be asked, of what one call would remember to its end.

    Parameters
    ----------
    model
        An lmms-eval model.

    Returns
    -------
    callable
        To be called before each chunk: it is a call of its own, and must not begin with what the last document of the
        chunk before it left. LLaVA-OneVision would otherwise pad all pictures after the first document with several.
    """
    config: Any = getattr(model, "_config", None)
    names = {cls.__module__.rpartition(".")[2] for cls in type(model).__mro__}
    if names.isdisjoint(_PADS) or not hasattr(config, "image_aspect_ratio"):
        return _nothing
    ratio = config.image_aspect_ratio

    def put_back() -> None:
        config.image_aspect_ratio = ratio

    return put_back


def _nothing() -> None:
    pass


def _held(model: Any) -> tuple[list[Any], list[Any]]:
    """The modules that a model holds, and all that tells how it works: held by it, by them, or by one another."""
    from torch import nn

    found: dict[int, Any] = {}
    left = list(vars(model).values())
    while left:
        each = left.pop()
        if id(each) in found or not (isinstance(each, nn.Module) or _tells(each)):
            continue
        found[id(each)] = each
        of_module = (getattr(each, name, None) for name in _OF_MODULES)
        left += of_module if isinstance(each, nn.Module) else vars(each).values()
    modules = [each for each in found.values() if isinstance(each, nn.Module)]
    return modules, [each for each in found.values() if not isinstance(each, nn.Module)]


def _tells(each: Any) -> bool:
    return hasattr(each, "__dict__") and any(_TELLING.search(cls.__name__) for cls in type(each).__mro__)
