"""Start and stop servers by a process of their own, so that the Jupyter server imports nothing of theirs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from .refusal import Refusal

_MODULE = "jupyter_lmms_eval.serverext.child"
# Longer than the child itself waits.
_SECONDS = 60.0


async def start(python: str, arguments: dict[str, Any], folder: str) -> dict[str, Any]:
    """Start a detached server.

    Parameters
    ----------
    python
        The interpreter whose environment holds lmms-eval.
    arguments
        Arguments of the server by name.
    folder
        What names of folders are relative to.

    Returns
    -------
    dict
        ``status`` (200: it ran already, 201: started), ``message`` and ``id``.

    Raises
    ------
    Refusal
        If it could not be started.
    """
    return await _do(python, {"start": arguments}, folder)


async def stop(server_id: str, folder: str) -> None:
    """Stop a server, or forget one that is gone.

    Parameters
    ----------
    server_id
        The id of its record.
    folder
        A folder that exists.

    Raises
    ------
    Refusal
        409 if it is a part of a kernel, 504 if it does not end.
    """
    await _do(sys.executable, {"stop": server_id}, folder)


async def _do(python: str, wanted: dict[str, Any], folder: str) -> dict[str, Any]:
    try:
        process = await asyncio.create_subprocess_exec(
            python,
            "-m",
            _MODULE,
            cwd=folder,
            # `python -m` would import from the folder first.
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise Refusal(500, f"{python} cannot be run ({error.strerror}); correct LmmsEvalExtension.python") from None
    try:
        output, complaints = await asyncio.wait_for(process.communicate(json.dumps(wanted).encode()), _SECONDS)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        raise Refusal(504, f"Nothing was heard within {_SECONDS:g} s; look at the list of servers later") from None
    try:
        answer = json.loads(output)
        status, message = int(answer["status"]), str(answer["message"])
    except (ValueError, KeyError, TypeError):
        last = complaints.decode(errors="replace").strip().rpartition("\n")[2]
        raise Refusal(500, f"{python} failed: {last or f'exit code {process.returncode}'}") from None
    if status >= 400:
        raise Refusal(status, message)
    return dict(answer)
