"""A server whose jobs change when the test changes them; what it is asked is remembered."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import Self

from jupyter_lmms_eval.protocol.jobs import JobInfo, JobStatus, LogChunk


class ScriptedServer:
    """Answers the routes that the table asks, over real HTTP."""

    def __init__(self, port: int = 0, server_id: str | None = None) -> None:
        self.server_id = server_id or uuid.uuid4().hex
        self.revision = 0
        self.jobs: dict[str, JobInfo] = {}
        self.devices: list[dict[str, Any]] = []
        self.logs: dict[str, str] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.refusal = ""
        self.asked: list[str] = []
        self._connections: list[socket.socket] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked may be gone
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        # A server that is gone takes its connections with it.
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        self._thread.join(5)

    def put(self, job: JobInfo, **changes: Any) -> JobInfo:
        """Add a job or change it."""
        self.revision += 1
        job = JobInfo.model_validate(job.model_dump() | changes | {"revision": self.revision})
        self.jobs[job.job_id] = job
        return job

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                scripted._connections.append(self.connection)

            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                self._answer("POST")

            def do_DELETE(self) -> None:
                self._answer("DELETE")

            def _answer(self, method: str) -> None:
                scripted.asked.append(f"{method} {self.path}")
                parts = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                status, body = scripted._route(method, parts.path.strip("/").split("/"), query)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _route(self, method: str, path: list[str], query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path == ["health"]:
            return 200, {"status": "healthy", "timestamp": "", "queue_size": 0, "server_id": self.server_id}
        if path == ["devices"]:
            return 200, {"devices": self.devices}
        if path == ["devices", "free"]:
            return 200, self._free(query["device"])
        if path == ["jobs"]:
            return 200, self._list(query)
        job = self.jobs.get(path[1])
        if job is None:
            return 404, {"detail": f"There is no job {path[1]}"}
        return self._route_of_job(method, job, path, query)

    def _route_of_job(
        self, method: str, job: JobInfo, path: list[str], query: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if self.refusal and method != "GET":
            return 409, {"detail": self.refusal}
        if method == "DELETE":
            if job.status is JobStatus.CANCELLED:
                return 200, {"message": "was cancelled before"}
            if job.status.finished:
                return 400, {"detail": "Job already finished or cancelled"}
            self.put(job, status=JobStatus.CANCELLED)
            return 200, {"message": "cancelled"}
        if path[2:] == []:
            return 200, job.model_dump(mode="json")
        if path[2:] == ["retry"]:
            job = self.put(job, status=JobStatus.QUEUED, wait_reason="starts now", completed_at=None, metrics=None)
            return 200, job.model_dump(mode="json")
        if path[2:] == ["logs"]:
            return 200, self._log(job, int(query.get("offset", 0)))
        return (200, self.results[job.job_id]) if job.job_id in self.results else (409, {"detail": "It has no results"})

    def _free(self, place: str) -> dict[str, Any]:
        self.devices = [device | ({"model": None} if device["id"] == place else {}) for device in self.devices]
        return {"freed": [place]}

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        jobs = list(self.jobs.values())[::-1]
        cursor = None
        if "since" in query:
            jobs = [job for job in jobs if job.revision > int(query["since"])]
        else:
            start, limit = int(query.get("cursor", 0)), int(query.get("limit", 50))
            cursor = str(start + limit) if start + limit < len(jobs) else None
            jobs = jobs[start : start + limit]
        return {
            "jobs": [job.model_dump(mode="json") for job in jobs],
            "next_cursor": cursor,
            "revision": self.revision,
        }

    def _log(self, job: JobInfo, offset: int) -> dict[str, Any]:
        data = self.logs.get(job.job_id, "").encode()
        start = max(0, len(data) + offset) if offset < 0 else offset
        return LogChunk(
            text=data[start:].decode(), offset=start, next_offset=len(data), complete=job.status.finished
        ).model_dump()
