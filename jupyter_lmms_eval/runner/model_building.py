"""Builds the requested model with exactly the arguments of the request."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..protocol.jobs import EvaluateRequest
from ..protocol.run import RunSpec
from .gpu_memory import engine_part, promised_part
from .optional_packages import OptionalPackages
from .resident import Resident


@dataclass(frozen=True)
class Accepted:
    """What a constructor takes.

    Parameters
    ----------
    names
        Parameters it names.
    anything
        Whether it also takes names it does not know.
    """

    names: frozenset[str] = field(default_factory=frozenset)
    anything: bool = False


def accepted_by(model_class: type) -> Accepted:
    """Read a constructor's parameters, through the bases it hands unknown ones to."""
    names: set[str] = set()
    anything = False
    for base in model_class.__mro__:
        constructor = vars(base).get("__init__")
        if constructor is None or base is object:
            continue
        parameters = inspect.signature(constructor).parameters.values()
        names |= {
            parameter.name
            for parameter in parameters
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        }
        anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        if not anything:
            break
    return Accepted(frozenset(names - {"self"}), anything)


def constructor_arguments(
    given: dict[str, Any],
    accepted: Accepted,
    request: EvaluateRequest,
    device_kind: str,
    ranks: int = 1,
    gpu_part: float | None = None,
) -> dict[str, Any]:
    """Decide a model's constructor arguments.

    The values in ``model_args`` win and arrive untouched. The rest is what lmms-eval adds, and a device only
    where the constructor names one: many models refuse what they do not know.

    Parameters
    ----------
    given
        ``model_args`` as an object.
    accepted
        What the constructor takes.
    request
        The evaluation.
    device_kind
        ``cpu`` or ``cuda``.
    ranks
        Processes that share the work.
    gpu_part
        The part of its GPU that it was promised; None: the whole.
    """
    added: dict[str, Any] = {}
    if request.batch_size is not None or accepted.anything or "batch_size" in accepted.names:
        added["batch_size"] = 1 if request.batch_size is None else request.batch_size
    if request.max_batch_size is not None:
        added["max_batch_size"] = request.max_batch_size
    if device_kind == "cpu":
        added.update({name: "cpu" for name in ("device", "device_map") if name in accepted.names})
    elif ranks == 1 and "device" in accepted.names and (device := _device_inside(request.device)):
        added["device"] = device
    if gpu_part is not None and (name := engine_part(accepted.names, given)):
        added[name] = gpu_part
    return {**added, **given}


def _device_inside(asked: str | None) -> str | None:
    """Return what a request's device is called by torch in the process that was given it."""
    if asked == "cuda":
        return asked
    # The granted GPU is the only one the process sees, whatever its number is outside.
    if asked is not None and asked.startswith("cuda:"):
        return "cuda:0"
    # Placement reads `auto`, `gpu` and no word as any device; torch knows none of them.
    return None


class ModelFactory:
    """What lmms-eval's evaluator takes for the model's class: it builds the model our way.

    Parameters
    ----------
    model_class
        The real class.
    spec
        What is to be run.
    packages
        What the models missed when they were imported.
    resident
        May have the model already, and keeps what is built.
    built
        Called with the model and its ``model_args``.
    """

    def __init__(
        self,
        model_class: type,
        spec: RunSpec,
        packages: OptionalPackages,
        resident: Resident,
        built: Callable[[Any, dict[str, Any]], None],
    ) -> None:
        self._class = model_class
        self._spec = spec
        self._packages = packages
        self._resident = resident
        self._built = built

    def create_from_arg_string(self, arg_string: str, additional_config: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Build the model; the evaluator's own arguments are a text that has lost the types."""
        from lmms_eval.utils import simple_parse_args_string

        if (kept := self._resident.kept) is not None:
            model = kept.renewed()
            self._built(model, kept.arguments)
            return model
        request = self._spec.request
        given = request.model_args if request.model_args is not None else {}
        if isinstance(given, str):
            given = simple_parse_args_string(given)
        accepted = accepted_by(self._class)
        arguments = constructor_arguments(
            given, accepted, request, self._spec.device_kind, self._spec.ranks, promised_part(self._spec)
        )
        before = dict(os.environ)
        try:
            model = self._class(**arguments)
        except TypeError as error:
            raise self._packages.explain(error, self._class) from error
        if self._spec.keep:
            self._resident.keep(model, given, before, sized=engine_part(accepted.names, given) is not None)
        self._built(model, given)
        return model
