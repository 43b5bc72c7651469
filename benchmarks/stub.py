"""An endpoint that speaks OpenAI's protocol and takes its time; started as a process of its own.

Each answer takes about so long, some less and some longer as real ones do, and so many are worked on at once. The same
question always takes equally long.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request

from .servers import free_port
from .wire import Line

# Logarithmic: of a hundred answers of 50 ms, five take longer than 110.
_SPREAD = 0.5


def application(latency: float, at_once: int) -> Any:
    """The endpoint as an ASGI application.

    Parameters
    ----------
    latency
        Seconds, the median.
    at_once
        Answers worked on at once.
    """
    app = FastAPI()
    places = asyncio.Semaphore(at_once)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> dict[str, Any]:
        question = await request.body()
        dice = random.Random(hashlib.sha256(question).digest())
        async with places:
            await asyncio.sleep(latency * dice.lognormvariate(0, _SPREAD))
        return {
            "id": "answer",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": "stub",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "7"}}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
        }

    return app


@contextmanager
def answering(folder: Path, *, latency: float, at_once: int) -> Iterator[str]:
    """Start an endpoint; gives its base address.

    Parameters
    ----------
    folder
        Where it works.
    latency, at_once
        As in `application`.
    """
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stub", str(port), str(latency), str(at_once)],
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        cwd=folder,
        stdin=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                with Line(f"http://127.0.0.1:{port}", timeout=5) as line:
                    line.ask("/health")
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit("the endpoint did not start") from None
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()  # it would wait until it has answered
        process.wait()


if __name__ == "__main__":
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("latency", type=float)
    parser.add_argument("at_once", type=int)
    arguments = parser.parse_args()
    uvicorn.run(
        application(arguments.latency, arguments.at_once), host="127.0.0.1", port=arguments.port, log_level="warning"
    )
