"""What routes are given: the scheduler of their own application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from ..engine.scheduler import JobScheduler


def _scheduler(request: Request) -> JobScheduler:
    scheduler: JobScheduler = request.app.state.scheduler
    return scheduler


Scheduler = Annotated[JobScheduler, Depends(_scheduler)]
