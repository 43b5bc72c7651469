"""What routes are given: the scheduler of their own application, and its ledger."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from ..engine.ledger import JobLedger
from ..engine.scheduler import JobScheduler

# Plain functions would be run on another thread each time.


async def _scheduler(request: Request) -> JobScheduler:
    scheduler: JobScheduler = request.app.state.scheduler
    return scheduler


async def _ledger(request: Request) -> JobLedger:
    scheduler: JobScheduler = request.app.state.scheduler
    return scheduler.ledger


Scheduler = Annotated[JobScheduler, Depends(_scheduler)]
Ledger = Annotated[JobLedger, Depends(_ledger)]
