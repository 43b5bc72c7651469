"""Writes what can be evaluated: ``python -m jupyter_lmms_eval.runner.catalog OUT [--include-path DIR ...]``."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import Any

from .model_index import ModelIndex
from .records import write_atomically


def catalog(include_paths: list[str]) -> dict[str, Any]:
    """Every task and model that the installed lmms-eval knows.

    Parameters
    ----------
    include_paths
        Task folders besides lmms-eval's own.

    Raises
    ------
    LookupError
        If lmms-eval is not installed.
    """
    spec = importlib.util.find_spec("lmms_eval")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError('lmms-eval is not installed; install it with: pip install "jupyter_lmms_eval[eval]"')
    from .task_index import index_tasks

    own = str(Path(spec.submodule_search_locations[0]) / "tasks") + "/"
    tasks = index_tasks([own, *include_paths])
    models, aliases, details = _models()
    return {
        "lmms_eval_version": importlib.metadata.version("lmms_eval"),
        "tasks": dict(sorted(tasks.items())),
        "models": models,
        "model_aliases": aliases,
        "model_details": details,
    }


def _models() -> tuple[list[str], dict[str, str], dict[str, Any]]:
    with contextlib.redirect_stdout(io.StringIO()):  # plug-ins may print
        from lmms_eval import models
    names = models.list_available_models(include_aliases=True)
    canonical = models.list_available_models()
    known = set(canonical)
    manifests = {name: models.get_model_manifest(name) for name in names}
    aliases = {name: str(manifest.model_id) for name, manifest in manifests.items() if name not in known}
    index = ModelIndex()
    details: dict[str, Any] = {}
    for name in canonical:
        paths = {"simple": manifests[name].simple_class_path, "chat": manifests[name].chat_class_path}
        details[name] = {kind: index.describe(path) for kind, path in paths.items() if path}
    return list(canonical), aliases, details


def main() -> int:
    """Write the catalog; a failure is one sentence."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_lmms_eval.runner.catalog", description=__doc__)
    parser.add_argument("out", type=Path, help="file that receives the catalog as JSON")
    parser.add_argument("--include-path", action="append", default=[], metavar="DIR", help="further task folder")
    arguments = parser.parse_args()
    try:
        text = json.dumps(catalog(arguments.include_path))
        write_atomically(arguments.out.absolute(), text)
    except Exception as error:  # noqa: BLE001  (plug-ins raise anything)
        sentence = str(error) if isinstance(error, (LookupError, ValueError, OSError)) else repr(error)
        print(sentence.strip("'"), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
