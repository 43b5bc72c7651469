"""Names the package whose absence lmms-eval's models only notice as a None that is called.

Models import engines such as vllm by ``optional_import``, which gives None for what is not installed; building such
a model then fails with ``'NoneType' object is not callable``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .replacing import replaced


class OptionalPackages:
    """Remembers which module missed which package."""

    def __init__(self) -> None:
        self._missed: dict[str, list[str]] = defaultdict(list)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to the imports of models; before any model is imported."""
        from lmms_eval import imports

        optional_import = imports.optional_import

        def listen(module_name: str, *rest: Any, **options: Any) -> Any:
            found = optional_import(module_name, *rest, **options)
            if not found[1]:
                importer = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001
                self._missed[importer].append(module_name.partition(".")[0])
            return found

        with replaced(imports, "optional_import", listen):
            yield

    def explain(self, error: TypeError, model_class: type) -> Exception:
        """Return what an error in a model's constructor means: a missing package, or just itself."""
        if "'NoneType' object is not callable" not in str(error):
            return error
        missed = [package for kind in model_class.__mro__ for package in self._missed.get(kind.__module__, [])]
        # Video readers are missed by many models that never call them.
        named = [package for package in missed if package != "decord"] or missed
        if not named:
            return error
        explained = ModuleNotFoundError(f"No module named {named[0]!r}", name=named[0])
        explained.__cause__ = error
        return explained
