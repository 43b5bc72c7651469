"""A small real HTTP server that speaks the protocol from memory, for tests of those who talk to a server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import threading
import time
import uuid
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from typing_extensions import Self

from jupyter_lmms_eval.protocol.jobs import CancelMode, EvaluateRequest, JobInfo, JobStatus
from jupyter_lmms_eval.protocol.server import ErrorResponse

TOKEN = "secret-token-of-the-test"


def make_job(job_id: str | None = None, status: str = "queued", **fields: Any) -> JobInfo:
    request = fields.pop("request", {"model": "dummy", "tasks": ["digits_read"]})
    return JobInfo(
        job_id=job_id or str(uuid.uuid4()),
        status=JobStatus(status),
        created_at="2026-11-22T10:00:00+00:00",
        request=EvaluateRequest.model_validate(request),
        **fields,
    )


class SpeakingServer:
    """Jobs in memory, requests remembered; a job changes when the test changes it."""

    def __init__(self, token: str | None = TOKEN, host: str = "127.0.0.1") -> None:
        self.token = token
        self.server_id = uuid.uuid4().hex
        self.jobs: dict[str, JobInfo] = {}
        self.logs: dict[str, str] = {}
        self.bodies: list[dict[str, Any]] = []
        self.queries: list[str] = []
        self.tokens: list[str] = []
        self.health_delay = 0.0
        self.notices: list[str] = []
        self.held_by: str | None = None
        self.disk_is_full = False
        self.results_gone: set[str] = set()
        self.cancellations: list[str] = []
        self.after_get: dict[str, list[dict[str, Any]]] = {}
        # asyncio switches Nagle's delay (40 ms a request) off only where it can see that the protocol is TCP.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.bind((host, 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self._server = uvicorn.Server(uvicorn.Config(self._app(), log_level="critical", lifespan="off"))
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self.socket])), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)
        with contextlib.suppress(OSError):
            self.socket.close()

    def add(self, job: JobInfo) -> str:
        self.jobs[job.job_id] = job
        return job.job_id

    def script(self, job_id: str, *changes: dict[str, Any]) -> None:
        """Let each GET of the job see the next of these changes."""
        self.after_get[job_id] = list(changes)

    def _authorize(self, request: Request) -> None:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        self.tokens.append(value)
        if self.token is not None and value != self.token:
            raise HTTPException(401, "Give the server's token; `start` showed it.")

    def _job(self, job_id: str) -> JobInfo:
        if job_id not in self.jobs:
            raise HTTPException(404, f"There is no job {job_id}.")
        return self.jobs[job_id]

    def _app(self) -> FastAPI:  # noqa: C901
        app = FastAPI(dependencies=[Depends(self._authorize)])

        @app.get("/health")
        async def health() -> dict[str, Any]:
            await asyncio.sleep(self.health_delay)
            return {"status": "healthy", "timestamp": "", "queue_size": 0, "server_id": self.server_id} | {
                "notices": self.notices
            }

        @app.post("/evaluate")
        async def evaluate(request: Request) -> Any:
            body = await request.json()
            self.bodies.append(body)
            if self.disk_is_full:
                raise HTTPException(507, "The disk of the jobs is full: make room on the disk of /jobs, then try again")
            if body["model"] == "nonsense":
                error = ErrorResponse(
                    detail="There is no model 'nonsense'; did you mean 'dummy'?",
                    errors=[{"field": "model", "message": "unknown", "nearest": ["dummy"]}],
                )
                return JSONResponse(error.model_dump(), 422)
            job = make_job(request=body)
            self.add(job)
            return {"job_id": job.job_id, "status": "queued", "position_in_queue": 0, "message": "queued"}

        @app.get("/jobs")
        async def jobs(
            request: Request,
            status: list[str] | None = Query(None),  # noqa: B008
            model: str | None = None,
            task: str | None = None,
            limit: int = 50,
            cursor: str | None = None,
        ) -> Any:
            self.queries.append(request.url.query)
            found = [
                job
                for job in reversed(self.jobs.values())
                if (status is None or job.status.value in status)
                and (model is None or job.request.model == model)
                and (task is None or task in job.request.tasks)
            ]
            start = int(cursor or 0)
            more = start + limit < len(found)
            page = [job.model_dump(mode="json") for job in found[start : start + limit]]
            return {"jobs": page, "next_cursor": str(start + limit) if more else None}

        @app.get("/jobs/{job_id}")
        async def job(job_id: str) -> Any:
            found = self._job(job_id)
            if changes := self.after_get.get(job_id):
                found = self.jobs[job_id] = JobInfo.model_validate(found.model_dump() | changes.pop(0))
            return found

        @app.delete("/jobs/{job_id}")
        async def cancel(request: Request, job_id: str, mode: CancelMode = CancelMode.ABORT) -> Any:
            self.cancellations.append(request.url.query)
            job = self._job(job_id)
            if job.status is JobStatus.CANCELLED:
                return {"message": f"Job {job_id} was cancelled before."}
            if job.status.finished:
                raise HTTPException(400, "Job already finished or cancelled")
            if mode is CancelMode.FINISH:
                self.jobs[job_id] = job.model_copy(update={"finishing": True})
                return {"message": f"Job {job_id} answers no more; what is complete is scored"}
            self.jobs[job_id] = job.model_copy(update={"status": JobStatus.CANCELLED})
            return {"message": f"Job {job_id} is cancelled."}

        @app.get("/jobs/{job_id}/logs")
        async def logs(job_id: str, offset: int = 0, follow: bool = False) -> Any:
            self._job(job_id)
            text = self.logs.get(job_id, "").encode()
            start = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
            if follow:

                async def pieces() -> Any:
                    for at in range(start, len(text), 5):  # cuts characters in half on purpose
                        yield text[at : at + 5]
                        await asyncio.sleep(0.001)

                return StreamingResponse(pieces(), media_type="text/plain; charset=utf-8")
            end = min(len(text), start + 1000)
            while 0 < end < len(text) and text[end] & 0xC0 == 0x80:  # never cut a character
                end -= 1
            while start < end and text[start] & 0xC0 == 0x80:
                start += 1
            over = self.jobs[job_id].status.finished and end == len(text)
            return {"text": text[start:end].decode(), "offset": start, "next_offset": end, "complete": over}

        @app.get("/jobs/{job_id}/results")
        async def results(job_id: str) -> Any:
            found = self._job(job_id)
            if job_id in self.results_gone:
                raise HTTPException(410, f"The results of job {job_id} cannot be read (no such file); try it again")
            if found.status is not JobStatus.COMPLETED and not found.partial:
                raise HTTPException(409, f"Job {job_id} is {found.status.value}; results come when it is completed.")
            return {
                "job_id": job_id,
                "status": found.status.value,
                "partial": found.partial,
                "model": found.request.model,
                "metrics": [metric.model_dump() for metric in found.metrics or []],
                "n_samples": {"digits_read": {"original": 450, "effective": 8}},
                "timings": {"answering": 1.5},
                "results_path": "/somewhere/results.json",
                "samples_paths": [],
            }

        @app.get("/queue")
        async def queue() -> Any:
            return {"queue_size": 0, "running_job": None, "queued_jobs": [], "completed_jobs": 0, "failed_jobs": 0}

        @app.get("/tasks")
        async def tasks() -> Any:
            return {"tasks": ["digits_mc", "digits_read"]}

        @app.get("/models")
        async def models() -> Any:
            return {"models": ["dummy", "qwen2_5_vl"]}

        @app.get("/devices")
        async def devices() -> Any:
            gpu = {"id": "cuda:0", "kind": "cuda", "name": "NVIDIA H100 80GB HBM3", "memory_total": 85 * 10**9}
            cpu = {"id": "cpu:0", "kind": "cpu", "name": "CPU slot", "held_by": self.held_by}
            return {"devices": [gpu | {"memory_used": 62 * 10**9, "utilization": 0.97, "job_id": "abc"}, cpu]}

        @app.post("/merge")
        async def merge(request: Request) -> Any:
            body = await request.json()
            self.bodies.append(body)
            return {"success": True, "message": "merged", "merged_path": body["output_path"]}

        return app
