"""`%load_ext jupyter_lmms_eval`: what is added to a shell, and taken away again."""

from __future__ import annotations

import re
from typing import Any

from ..hosting import lifecycle
from .commands import COMMANDS, MAGIC
from .completion import complete
from .magics import LmmsEvalMagics
from .session import session

_MAGICS = {"line": "lmms_eval_server", "cell": "lmms_eval_job"}
_HELP = re.compile(rf"\s*{MAGIC}\s+({'|'.join(COMMANDS)})\s*\?+\s*")
_HOOK = "complete_command"
_ASSIGNED = rf".*=\s*{MAGIC}\s"


def load_ipython_extension(shell: Any) -> None:
    """Add the magics, their completion and their help."""
    _unload(shell)
    _stay(shell)
    shell.register_magics(LmmsEvalMagics)
    shell.set_hook(_HOOK, complete, str_key=MAGIC)
    shell.set_hook(_HOOK, complete, re_key=_ASSIGNED)
    shell.input_transformers_cleanup.append(help_of_subcommand)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away; when the cell is over, stop the server of this kernel.

    Reloading an extension is unloading and loading it. Only when the cell has ended without loading it again was
    it meant to go.
    """
    _unload(shell)
    _stay(shell)
    shell.events.register("post_run_cell", _stop_after_cell)


def help_of_subcommand(lines: list[str]) -> list[str]:
    """Read ``%lmms_eval_server start?`` as a question about the subcommand; IPython would look for a variable."""
    return [
        f"{MAGIC} {found[1]} --help\n" if MAGIC in line and (found := _HELP.fullmatch(line)) else line for line in lines
    ]


def _unload(shell: Any) -> None:
    for kind, name in _MAGICS.items():
        shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop("LmmsEvalMagics", None)
    hooks = getattr(shell, "strdispatchers", {}).get(_HOOK)
    if hooks is not None:
        hooks.strs.pop(MAGIC, None)
        hooks.regexs.pop(re.compile(_ASSIGNED), None)
    transformers = shell.input_transformers_cleanup
    transformers[:] = [one for one in transformers if getattr(one, "__name__", "") != help_of_subcommand.__name__]


def _stay(shell: Any) -> None:
    """Forget that the server was to stop: the extension was reloaded."""
    # By name: a reloaded module has another function.
    for callback in list(shell.events.callbacks["post_run_cell"]):
        if getattr(callback, "__name__", "") == _stop_after_cell.__name__:
            shell.events.unregister("post_run_cell", callback)


def _stop_after_cell(*_: object) -> None:
    from IPython import get_ipython

    _stay(get_ipython())
    session.forget()
    lifecycle.stop()
