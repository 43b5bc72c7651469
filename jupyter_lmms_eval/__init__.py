"""lmms-eval in Jupyter as a service.

Importing this package is cheap: Jupyter's server does it at start. What is heavier comes when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .api.app import create_app
    from .api.server_args import ServerArgs
    from .client.async_client import AsyncEvalClient
    from .client.client import EvalClient
    from .hosting.blocking import launch_server
    from .notebook.extension import load_ipython_extension, unload_ipython_extension
    from .widget.table import JobTable

__all__ = [
    "AsyncEvalClient",
    "EvalClient",
    "JobTable",
    "ServerArgs",
    "__version__",
    "create_app",
    "launch_server",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_HOME = {
    "AsyncEvalClient": ".client.async_client",
    "EvalClient": ".client.client",
    "JobTable": ".widget.table",
    "ServerArgs": ".api.server_args",
    "create_app": ".api.app",
    "launch_server": ".hosting.blocking",
    "load_ipython_extension": ".notebook.extension",
    "unload_ipython_extension": ".notebook.extension",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Name the extension of Jupyter's server; it is imported when that asks."""
    from .serverext.app import LmmsEvalExtension

    return [{"module": "jupyter_lmms_eval.serverext.app", "app": LmmsEvalExtension}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Say where the built extension of JupyterLab lies, for `jupyter-builder develop`."""
    return [{"src": "labextension", "dest": "jupyter-lmms-eval"}]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
