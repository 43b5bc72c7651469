"""Merge a sharded checkpoint in a process of its own: it unpickles, and it needs the memory of all shards."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from ..protocol.server import MergeRequest
from .environment import evaluation_environment
from .errors import EngineError


class CheckpointNotFound(EngineError):
    """There is nothing to merge."""


class MergeRefused(EngineError):
    """The checkpoint is not one that can be merged."""


class MergeFailed(EngineError):
    """Merging went wrong."""


_KIND_OF = {"FileNotFoundError": CheckpointNotFound, "ValueError": MergeRefused}


async def merge_checkpoint(request: MergeRequest) -> str:
    """Merge a checkpoint and return the path of the result.

    Raises
    ------
    CheckpointNotFound, MergeRefused, MergeFailed
        As lmms-eval's own server tells them apart.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jupyter_lmms_eval.runner.merge",
        env=evaluation_environment(os.environ, [], threads=1),
        cwd=Path.cwd(),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,  # interrupting a cell must not reach it
    )
    try:
        output, _ = await process.communicate(request.model_dump_json().encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    lines = output.decode(errors="replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise MergeFailed(f"Merge failed: the merging process ended with code {process.returncode}") from None
    if "error" in answer:
        raise _KIND_OF.get(answer["type"], MergeFailed)(answer["error"])
    return str(answer["merged_path"])
