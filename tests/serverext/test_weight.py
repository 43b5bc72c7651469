"""Jupyter's server takes the extension in without what a server, or an evaluation, is made of."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import jupyter_lmms_eval.serverext

HEAVY = {"fastapi", "starlette", "uvicorn", "torch", "transformers", "lmms_eval", "datasets", "pandas", "IPython"}


def test_jupyter_loads_it_without_anything_heavy() -> None:
    rooms = pkgutil.iter_modules(jupyter_lmms_eval.serverext.__path__, "jupyter_lmms_eval.serverext.")
    # The child is what another process runs.
    imports = "\n".join(f"import {module.name}" for module in rooms if not module.name.endswith(".child"))
    code = f"""
import sys
from jupyter_server.extension.manager import ExtensionPackage
package = ExtensionPackage(name="jupyter_lmms_eval", enabled=True)
assert package.extension_points["lmms_eval"].app is not None
{imports}
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "tornado" in output
    assert not HEAVY & set(output.split())
