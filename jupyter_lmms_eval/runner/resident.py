"""A rank that stays after its evaluation, with its model in memory, for the next job that wants the same model.

What another evaluation would see of the ones before is put back: the model's attributes, the random numbers, the
environment. What cannot be put back, and whatever is not what was imported or loaded any more, ends the rank; the
server then starts another.
"""

from __future__ import annotations

import gc
import json
import os
import random
import select
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NoReturn

import psutil

from ..protocol.run import LOOK, NextAttempt, RunFiles, RunSpec
from . import startup
from .dataset_cache import DatasetCache
from .environment import rank_environment
from .imported import changed_since, differing_variables, imported_files, installed_modules
from .model_state import ModelState
from .one_loop import OneLoop
from .spec import read_spec
from .task_cache import TaskCache
from .titles import retitle
from .weights import fingerprint_of_arguments

LONGEST_MESSAGE = 1 << 20
# A process that served so often is made anew: libraries leak.
MOST_JOBS = 100
# Memory that may be added to what the process had after its first job: a share of it, and bytes.
_GROWTH, _GROWTH_BYTES = 0.5, 1 << 29
# Seconds without another job after which there is time to tidy up; it takes a third of a second.
_LULL = 1.0


@dataclass(frozen=True)
class RandomNumbers:
    """Where the generators of random numbers stand."""

    python: Any
    numpy: Any
    torch: Any
    cuda: Any

    @classmethod
    def now(cls) -> RandomNumbers:
        """Take note of it."""
        import numpy as np
        import torch

        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda)

    def restore(self) -> None:
        """Go back there."""
        import numpy as np
        import torch

        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.cuda is not None:
            torch.cuda.set_rng_state_all(self.cuda)


class KeptModel:
    """A model as it was when it was built.

    Parameters
    ----------
    model
        The model, just built.
    arguments
        Its ``model_args`` as an object.
    environment
        The variables that building it has set.
    sized
        Whether its engine took a part of the GPU for good when it was built.
    """

    def __init__(
        self, model: Any, arguments: dict[str, Any], environment: Mapping[str, str], *, sized: bool = False
    ) -> None:
        self._model = model
        self._sized = sized
        self.arguments = arguments
        self.environment = environment
        self._state = ModelState(model)
        self._settings = _settings()
        self._random = RandomNumbers.now()
        self._weights = fingerprint_of_arguments(arguments)

    def renewed(self) -> Any:
        """Return the model as it was, and let the random numbers go on from there.

        The attributes are those of then: evaluations add tasks and datasets to a model, and replace its methods.
        """
        self._state.restore()
        self._random.restore()
        return self._model

    def changed(self) -> str | None:
        """Say what makes it another model than a new one would be, or None."""
        if fingerprint_of_arguments(self.arguments) != self._weights:
            return "other weights lie where the model was loaded from"
        return None

    def too_large_for(self, spec: RunSpec) -> str | None:
        """Say why a job that may take a part of the GPU only cannot have it, or None."""
        if self._sized and spec.request.gpu_memory is not None:
            return "its engine takes more of the GPU than the job may"
        return None

    @property
    def intact(self) -> bool:
        """Whether evaluations left everything around it as it was."""
        return _settings() == self._settings


def _settings() -> tuple[object, ...]:
    import torch

    return (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
    )


@dataclass
class Resident:
    """What a rank keeps from one evaluation to the next.

    Parameters
    ----------
    talk
        Descriptor of the connection with its supervisor; None for a rank that never stays.
    had
        Names of the modules that it was forked with; None if it was not forked.

    Attributes
    ----------
    kept
        The model, once one was built that is to be kept.
    loop
        Where its coroutines run.
    datasets
        Those it loaded.
    """

    talk: int | None
    had: frozenset[str] | None = None
    kept: KeptModel | None = None
    loop: OneLoop = field(default_factory=OneLoop)
    datasets: DatasetCache = field(default_factory=DatasetCache)
    _jobs: int = 0
    _modules: dict[str, ModuleType] = field(default_factory=dict)
    _files: frozenset[str] = frozenset()
    _first_memory: int = 0
    _environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    _began: int = field(default_factory=time.time_ns)

    def keep(self, model: Any, arguments: dict[str, Any], before: Mapping[str, str], *, sized: bool = False) -> None:
        """Keep a model that was just built, if this rank may stay.

        Parameters
        ----------
        model, arguments, sized
            See `KeptModel`.
        before
            The environment before it was built.
        """
        if self.talk is not None:
            changes = {name: value for name, value in os.environ.items() if before.get(name) != value}
            self.kept = KeptModel(model, arguments, changes, sized=sized)

    def newly_imported(self) -> list[str]:
        """Return the installed modules that were imported since the process was forked, once."""
        had, self.had = self.had, None
        return [] if had is None else installed_modules(had)

    def next_attempt(self, code: int, *, may_stay: bool) -> NextAttempt:
        """Wait for another attempt after one that is over; ends this process if it cannot stay.

        Parameters
        ----------
        code
            The exit code for the attempt that is over; after a failure nothing is known of what it left.
        may_stay
            Whether that attempt may leave its process to others.
        """
        kept = self.kept
        if code != 0 or not may_stay or self.talk is None or kept is None or not kept.intact:
            startup.leave(code)
        self._jobs += 1
        if self._jobs >= MOST_JOBS or self._outgrown():
            startup.leave(code)
        _flush()
        with socket.socket(fileno=os.dup(self.talk)) as connection:
            connection.send(b'{"over": true}')
            retitle(f"{__package__}.rank", "waiting")
            another = self._next_order(connection, kept)
            spec = read_spec(RunFiles(another.job_dir), another.attempt)
            environment = rank_environment(another.environment, spec, 0)
            if why := self._other(environment) or kept.too_large_for(spec):
                _refuse(connection, why)
            os.chdir(another.job_dir)
            os.environ.clear()
            os.environ.update(environment)
            os.environ.update(kept.environment)
            retitle(f"{__package__}.rank", another.job_dir, str(another.attempt))
            connection.send(json.dumps({"taken": another.attempt}).encode())
        return another

    def _next_order(self, connection: socket.socket, kept: KeptModel) -> NextAttempt:
        """Receive the next order; whatever may have changed meanwhile was looked at after its job was submitted."""
        tidy = False
        modules = dict(sys.modules)
        if modules != self._modules:  # listed before somebody waits for it
            self._files, self._modules = imported_files(), modules
        while True:
            # Jobs that come one after the other do not wait for it.
            if not tidy and not select.select([connection], [], [], _LULL)[0]:
                self._tidy_up()
                tidy = True
            message = connection.recv(LONGEST_MESSAGE)
            if not message:
                startup.leave(0)
            order = None if message == LOOK else NextAttempt.model_validate_json(message)
            if order is None or not order.looked:
                if why := changed_since(self._began, self._files) or kept.changed():
                    _refuse(connection, why)
                if TaskCache.installed is not None:
                    TaskCache.installed.look()
            if order is not None:
                return order

    def _tidy_up(self) -> None:
        """Give back what the evaluation left."""
        import torch

        gc.collect()
        gc.freeze()  # what is left is the model and what was imported: the next collection need not look at it
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _outgrown(self) -> bool:
        """Whether it has become too large since its first job."""
        memory = psutil.Process().memory_info().rss
        self._first_memory = self._first_memory or memory
        return memory > self._first_memory * (1 + _GROWTH) + _GROWTH_BYTES

    def _other(self, environment: Mapping[str, str]) -> str | None:
        name = differing_variables(self._environment, environment, secrets=True)
        return f"the environment variable {name} is another" if name else None


def _refuse(connection: socket.socket, why: str) -> NoReturn:
    connection.send(json.dumps({"stale": why}).encode())
    startup.leave(0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
