"""Make the FastAPI application of a server."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.gzip import GZipMiddleware

from .._version import __version__
from ..engine.scheduler import JobScheduler
from ..engine.settings import SchedulerSettings
from ..engine.state_dir import default_state_dir
from . import caching, catalog, errors, events, jobs, metrics, samples, server
from .access import AccessMiddleware, AccessRules, host_names
from .bodies import BodyMiddleware
from .ending import EndingMiddleware
from .links import operation_id
from .policies import CommonHeadersMiddleware, PagePolicyMiddleware
from .prefix import PrefixMiddleware
from .server_args import ServerArgs, is_loopback

DESCRIPTION = """
Evaluations of multimodal models with [lmms-eval](https://github.com/EvolvingLMMs-Lab/lmms-eval), as a service.

Every request carries the server's token: `Authorization: Bearer TOKEN`, or `http://any:TOKEN@host:port`.
The routes of lmms-eval's own server are kept exactly, so its clients work here unchanged.
Times are ISO 8601 with their zone. Refusals are one sentence in `detail`.
"""

TAGS = [
    {"name": "jobs", "description": "Submit evaluations, watch them, read their results."},
    {"name": "samples", "description": "What was asked, said and scored, and the media of the questions."},
    {"name": "catalog", "description": "The tasks and models that may be asked for."},
    {"name": "server", "description": "The server, its queue and its machine."},
]


# Bytes; a smaller answer fits into a packet as it is.
COMPRESSED_FROM = 1400


def create_app(args: ServerArgs | None = None) -> FastAPI:
    """Make an application.

    Everything its routes share is on ``app.state``: ``server_args``, ``token``, ``server_id`` and, from start-up
    to shutdown, ``scheduler``.

    Parameters
    ----------
    args
        The server's arguments; defaults if None.
    """
    args = ServerArgs() if args is None else args
    app = FastAPIOffline(
        title="jupyter_lmms_eval",
        summary="An evaluation server for notebooks",
        description=DESCRIPTION,
        version=__version__,
        lifespan=_lifespan,
        openapi_tags=TAGS,
        license_info={"name": "BSD-3-Clause"},
        generate_unique_id_function=operation_id,
        responses=errors.COMMON,
    )
    app.state.server_args = args
    app.state.token = secrets.token_hex(24) if args.token is None else args.token
    app.state.notices = Notices(args)
    app.state.server_id = secrets.token_hex(8)
    app.state.queue_told = caching.LastText()
    app.include_router(jobs.router)
    app.include_router(samples.router)
    app.include_router(events.router)
    app.include_router(
        catalog.router, dependencies=[Depends(caching.catalog_unless_known)], responses=caching.UNCHANGED
    )
    app.include_router(metrics.router)
    app.include_router(server.router)
    errors.register(app)
    caching.register(app)
    app.add_middleware(EndingMiddleware)
    app.add_middleware(PagePolicyMiddleware)
    # Higher levels take longer for hardly less.
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=1)
    app.add_middleware(PrefixMiddleware)
    app.add_middleware(BodyMiddleware)
    rules = AccessRules(
        token=app.state.token, hosts=host_names(args.host, args.allowed_hosts), cookie=f"lmms_eval_token_{args.port}"
    )
    app.add_middleware(AccessMiddleware, rules=rules)
    app.add_middleware(CommonHeadersMiddleware)
    return app


def exposure(args: ServerArgs) -> list[str]:
    """Say what it means that other machines reach a server; nothing if none does.

    Parameters
    ----------
    args
        Its arguments.
    """
    if is_loopback(args.host):
        return []
    wire = "" if args.tls_certificate else ", and reads it on the way, as the connection is not encrypted "
    told = f"Other machines reach this server at {args.host}: whoever has its token runs code here as you"
    return [f"{told}{wire}(--tls-certificate encrypts it)" if wire else told]


class Notices:
    """What a person should know of a server's arguments, in sentences, as it is at the moment.

    Parameters
    ----------
    args
        The arguments.
    """

    def __init__(self, args: ServerArgs) -> None:
        self._lasting = exposure(args)
        self._missing = [_absolute(folder) for folder in args.include_paths]

    def __iter__(self) -> Iterator[str]:
        # One that is there is not looked at again: it may lie on a disk that answers slowly.
        self._missing = [folder for folder in self._missing if not Path(folder).is_dir()]
        return iter([*self._lasting, *(f"Task folder {folder} does not exist" for folder in self._missing)])


def state_dir_of(args: ServerArgs) -> Path:
    """Return the folder in which a server with these arguments keeps its jobs."""
    return Path(args.state_dir).expanduser().absolute() if args.state_dir else default_state_dir()


def _absolute(folder: str) -> str:
    return str(Path(folder).expanduser().absolute())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run a scheduler from the server's start to its end."""
    args: ServerArgs = app.state.server_args
    scheduler = JobScheduler(
        SchedulerSettings(
            state_dir=state_dir_of(args),
            max_completed_jobs=args.max_completed_jobs,
            temp_dir_prefix=args.temp_dir_prefix,
            # Evaluations and the catalog's helper work in other folders than this process.
            include_paths=[_absolute(folder) for folder in args.include_paths],
            cpu_slots=args.cpu_slots,
            crash_retries=args.crash_retries,
            stall_factor=args.stall_factor,
            stall_seconds=args.stall_seconds,
            min_free_gpu_memory=args.min_free_gpu_memory,
            keep_imported=not args.fresh_processes,
            keep_models=0 if args.fresh_processes else args.keep_models,
            max_queued_jobs=args.max_queued_jobs,
            max_stored_bytes=int(args.max_stored_gb * 1e9),
            allow_remote_code=args.allow_remote_code,
        )
    )
    await scheduler.start()
    app.state.scheduler = scheduler
    try:
        yield
    finally:
        await scheduler.stop()
