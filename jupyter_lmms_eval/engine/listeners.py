"""Those who wait for a change of jobs: woken soon after it, and together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

# Who waits for changes is woken at most so often (seconds): a storm of progress costs as little as a breeze.
CALM_SECONDS = 0.1
# How often to look for a change that nobody tells of.
LOOK_SECONDS = 1.0
# Of many who wait each is woken more rarely, so that answering them never is all that the server does.
MOST_WOKEN_A_SECOND = 500


class Listeners:
    """Those who wait for any change, and those who wait for another status of one job.

    All methods belong to one event loop.

    Parameters
    ----------
    revision
        Gives the revision of the last change.
    look
        Looks for a change that nobody tells of, and counts it.
    """

    def __init__(self, revision: Callable[[], int], look: Callable[[], None]) -> None:
        self._revision = revision
        self._look = look
        self._closed = False
        self._touched = asyncio.Event()
        self._waiting = 0
        self._woken: asyncio.Future[None] | None = None
        self._waking: asyncio.Task[None] | None = None
        self._turning: dict[str, asyncio.Future[None]] = {}

    async def close(self) -> None:
        """Let all go on who wait; nobody waits from now on."""
        self._closed = True
        if self._waking is not None:
            self._waking.cancel()
            await asyncio.gather(self._waking, return_exceptions=True)
        self._wake()
        for job_id in list(self._turning):
            self.turned(job_id)

    def touched(self) -> None:
        """Hear that there is another revision."""
        self._touched.set()

    def turned(self, job_id: str) -> None:
        """Hear that a job has another status."""
        turned = self._turning.pop(job_id, None)
        if turned is not None:
            turned.set_result(None)

    async def change(self, since: int, patience: float) -> None:
        """Wait until the revision is beyond one, some seconds at most."""
        if self._revision() > since or self._closed:
            return
        if self._woken is None:
            self._woken = asyncio.get_running_loop().create_future()
        self._waiting += 1
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake_while_somebody_waits(self._revision()))
        try:
            await asyncio.wait([self._woken], timeout=patience)
        finally:
            self._waiting -= 1

    async def other_status(self, job_id: str, patience: float) -> None:
        """Wait until a job's status changes, some seconds at most.

        Not with those who wait for any change: they are woken ten times a second at most.
        """
        if self._closed:
            return
        turned = self._turning.setdefault(job_id, asyncio.get_running_loop().create_future())
        await asyncio.wait([turned], timeout=patience)

    async def _wake_while_somebody_waits(self, heard: int) -> None:
        """Wake all who wait, after a change at once and then not for a moment. One task, however many they are."""
        while self._waiting:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._touched.wait(), LOOK_SECONDS)
            self._look()
            self._touched.clear()
            if self._revision() > heard:
                heard = self._revision()
                calm = max(CALM_SECONDS, self._waiting / MOST_WOKEN_A_SECOND)
                self._wake()
                await asyncio.sleep(calm)
                self._look()  # what changed may be why others wait

    def _wake(self) -> None:
        woken, self._woken = self._woken, None
        if woken is not None and not woken.done():
            woken.set_result(None)
