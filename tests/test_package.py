"""Importing the package is cheap: Jupyter's server does it at start."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "lmms_eval", "transformers", "fastapi", "uvicorn", "pandas", "datasets", "pydantic", "httpx"}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(output.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not HEAVY & modules_after("import jupyter_lmms_eval")


@pytest.mark.parametrize(
    "statement",
    [
        "from jupyter_lmms_eval import EvalClient, AsyncEvalClient",
        "import jupyter_lmms_eval.discovery.finder",
        "import jupyter_lmms_eval.cli.main",
    ],
)
def test_a_client_needs_neither_server_nor_torch(statement: str) -> None:
    assert not {"torch", "lmms_eval", "fastapi", "uvicorn", "transformers"} & modules_after(statement)


def test_a_server_imports_neither_torch_nor_lmms_eval() -> None:
    assert not {"torch", "lmms_eval", "transformers"} & modules_after(
        "from jupyter_lmms_eval import launch_server, create_app; create_app()"
    )


def test_the_public_names_are_there() -> None:
    import jupyter_lmms_eval

    for name in jupyter_lmms_eval.__all__:
        assert getattr(jupyter_lmms_eval, name) is not None
    with pytest.raises(AttributeError):
        jupyter_lmms_eval.nothing  # noqa: B018
