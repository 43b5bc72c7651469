"""The media of samples, read from their datasets once and kept on disk for a while."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..protocol.jobs import JobInfo
from ..protocol.samples import MediaRequest, SampleMedia, StoredMedia, StoredMedium, file_tag
from .errors import EngineError, MediaNotFound, MediaUnavailable
from .media_process import MediaProcess
from .queueing import job_directory

# What has not been looked at for longest goes beyond (bytes).
MOST_STORED = 1 << 30
# How much may be added between two looks at how much there is.
_LOOK_BYTES = 32 << 20
_LOOK_SAMPLES = 200
# A dataset that could not be read is not tried again for so long (seconds).
_AGAIN_SECONDS = 30.0
_MOST_NAMES = 200
_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True)
class MediumFile:
    """A file with one of the media of a sample.

    Attributes
    ----------
    path
        The file.
    status
        Its state when it was looked at.
    medium
        What it is.
    """

    path: Path
    status: os.stat_result
    medium: StoredMedium


class MediaStore:
    """Gives the media of samples. All methods belong to one event loop, which they never hold up.

    Parameters
    ----------
    folder
        Where they are kept; private.
    include_paths
        Task folders of the server.
    process
        Reads the datasets.
    most
        Bytes that are kept.
    """

    def __init__(
        self, folder: Path, include_paths: Sequence[str], process: MediaProcess, most: int = MOST_STORED
    ) -> None:
        self._folder = folder
        self._include_paths = list(include_paths)
        self._process = process
        self._most = most
        self._reading: dict[Path, asyncio.Task[StoredMedia]] = {}
        self._failed: dict[tuple[str, str], tuple[float, EngineError]] = {}
        self._bytes = self._samples = 0

    @property
    def descriptors(self) -> list[int]:
        """Open files that this process alone may hold."""
        return self._process.descriptors

    async def close(self) -> None:
        """End the reading."""
        for reading in self._reading.values():
            reading.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)
        self._process.end()

    async def media(self, info: JobInfo, task: str, doc_id: int) -> list[SampleMedia]:
        """List the media of a sample that there is.

        Raises
        ------
        MediaNotFound
            If the dataset cannot be read on this machine.
        MediaUnavailable
            If reading it failed.
        """
        return listed(await self._stored(info, task, doc_id))

    async def known(self, info: JobInfo, task: str, documents: Iterable[int]) -> dict[int, list[SampleMedia]]:
        """Return the media of samples that were looked at before."""

        def look() -> dict[int, list[SampleMedia]]:
            if not self._folder.is_dir():
                return {}
            found = ((doc_id, _read(self._place(info, task, doc_id))) for doc_id in documents)
            return {doc_id: listed(stored) for doc_id, stored in found if stored is not None}

        return await asyncio.to_thread(look)

    async def file(self, info: JobInfo, task: str, doc_id: int, number: int) -> MediumFile:
        """Return one of the media of a sample that there is; raises as `media` does."""
        for again in (False, True):
            stored = await self._stored(info, task, doc_id, again=again)
            if number >= len(stored.media):
                count = len(stored.media) or "no"
                raise MediaNotFound(f"Sample {doc_id} of {task} has {count} media, counted from 0")
            medium = stored.media[number]
            if medium.problem:
                raise MediaNotFound(f"Medium {number} of sample {doc_id} of {task} cannot be shown: {medium.problem}")
            found = await asyncio.to_thread(_open, self._place(info, task, doc_id), medium)
            if found is not None:
                return found
        raise MediaUnavailable(f"Medium {number} of sample {doc_id} of {task} changes while it is read; try again")

    def _place(self, info: JobInfo, task: str, doc_id: int) -> Path:
        name = f"{info.job_id}\n{task}\n{doc_id}"
        return self._folder / hashlib.sha256(name.encode()).hexdigest()[:40]

    async def _stored(self, info: JobInfo, task: str, doc_id: int, *, again: bool = False) -> StoredMedia:
        place = self._place(info, task, doc_id)
        if not again and (stored := await asyncio.to_thread(_read, place)) is not None:
            return stored
        reading = self._reading.get(place)
        if reading is None:
            self._reading[place] = reading = asyncio.create_task(self._read(info, task, doc_id, place))
            reading.add_done_callback(lambda done: self._done(place, done))
        # Shielded: who goes away must not stop it for the others.
        return await asyncio.shield(reading)

    def _done(self, place: Path, reading: asyncio.Task[StoredMedia]) -> None:
        self._reading.pop(place, None)
        if not reading.cancelled():
            reading.exception()  # whoever asked may have gone

    async def _read(self, info: JobInfo, task: str, doc_id: int, place: Path) -> StoredMedia:
        failed_at, failure = self._failed.get((info.job_id, task), (0.0, None))
        if failure is not None and time.monotonic() - failed_at < _AGAIN_SECONDS:
            raise type(failure)(str(failure))
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        asked = info.request.include_path
        own = [asked] if isinstance(asked, str) else asked or []
        request = MediaRequest(
            number=0,
            # One packet; they are needed only for a task that a group defines within itself.
            tasks=info.request.tasks if len(info.request.tasks) <= _MOST_NAMES else [],
            task=task,
            doc_id=doc_id,
            include_paths=list(dict.fromkeys([*self._include_paths, *own])),
            model=info.request.model,
            working_dir=str(job_directory(info)),
            folder=str(place),
        )
        try:
            answer = await self._process.ask(request)
            if answer.error is not None:
                raise MediaNotFound(answer.error)
        except (MediaNotFound, MediaUnavailable) as error:
            if isinstance(error, MediaUnavailable) or answer.of_task:
                self._failed[info.job_id, task] = time.monotonic(), error
            raise
        stored = await asyncio.to_thread(_read, place)
        if stored is None:
            raise MediaUnavailable(f"What was read of sample {doc_id} of {task} is gone; try again")
        await self._make_room(stored)
        return stored

    async def _make_room(self, added: StoredMedia) -> None:
        self._samples += 1
        self._bytes += sum(medium.size for medium in added.media if not Path(medium.path).is_absolute())
        if self._bytes > min(_LOOK_BYTES, self._most) or self._samples > _LOOK_SAMPLES:
            self._bytes = self._samples = 0
            self._failed = {
                key: failed for key, failed in self._failed.items() if time.monotonic() - failed[0] < _AGAIN_SECONDS
            }
            await asyncio.to_thread(make_room, self._folder, self._most)


def listed(stored: StoredMedia) -> list[SampleMedia]:
    """Tell of stored media."""
    return [SampleMedia(n=number, kind=medium.kind) for number, medium in enumerate(stored.media)]


def make_room(folder: Path, most: int) -> None:
    """Delete what has not been looked at for longest, until no more than so many bytes are left; blocking."""
    found: list[tuple[float, int, Path]] = []
    for place in folder.iterdir():
        with suppress(OSError):
            if place.name.startswith("making-"):  # by a process that was killed, if it is old
                if time.time() - place.stat().st_mtime > _ABANDONED_SECONDS:
                    shutil.rmtree(place, ignore_errors=True)
                continue
            used = (place / "index.json").stat().st_mtime
            found.append((used, sum(_sizes(place)), place))
    total = sum(size for _, size, _ in found)
    for _, size, place in sorted(found):
        if total <= most:
            return
        shutil.rmtree(place, ignore_errors=True)
        total -= size


def _sizes(place: Path) -> Iterator[int]:
    for file in place.iterdir():
        yield file.stat().st_blocks * 512


def _read(place: Path) -> StoredMedia | None:
    """Read what is stored of a sample, and note that it was looked at; nothing if it is not there."""
    index = place / "index.json"
    try:
        stored = StoredMedia.model_validate_json(index.read_bytes())
        os.utime(index)
    except (OSError, ValidationError):
        return None
    return stored


def _open(place: Path, medium: StoredMedium) -> MediumFile | None:
    """Look at a file; nothing if it is not the one that was stored."""
    path = place / medium.path
    try:
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size != medium.size:
        return None
    if Path(medium.path).is_absolute() and file_tag(medium.path, status) != medium.tag:
        return None
    return MediumFile(path, status, medium)
