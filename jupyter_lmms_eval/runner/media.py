"""Reads the media of samples from their datasets: ``python -m jupyter_lmms_eval.runner.media FD``.

lmms-eval leaves media out of its samples files. This process loads a task as an evaluation does, asks it what it gives
to models for a document, and writes that to files. It downloads nothing.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from .. import importing
from ..protocol.samples import MediaAnswer, MediaRequest, StoredMedia
from . import startup
from .media_files import MOST_MEDIA, flat, of_messages, store
from .titles import retitle

_LONGEST_MESSAGE = 1 << 18
# Datasets that stay loaded.
_MOST_TASKS = 4
_LONGEST_SENTENCE = 600


class _Failed(Exception):
    """There are no media; the text is one sentence.

    Parameters
    ----------
    text
        The sentence.
    of_task
        Whether it is the same for every sample of the task.
    """

    def __init__(self, text: str, *, of_task: bool) -> None:
        super().__init__(text)
        self.of_task = of_task


class MediaReader:
    """Loads tasks and asks them for the media of documents."""

    def __init__(self) -> None:
        from .task_cache import TaskCache

        TaskCache().install()
        self._tasks: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def answer(self, request: MediaRequest) -> MediaAnswer:
        """Write the media of a sample into its folder."""
        try:
            os.chdir(request.working_dir if Path(request.working_dir).is_dir() else "/")
            task = self._task(request)
            self._write(Path(request.folder), list(islice(_media_of(task, request.doc_id), MOST_MEDIA)))
        except _Failed as failed:
            return MediaAnswer(number=request.number, error=str(failed), of_task=failed.of_task)
        except OSError as error:
            return MediaAnswer(number=request.number, error=f"The media could not be written: {error}")
        return MediaAnswer(number=request.number)

    def _task(self, request: MediaRequest) -> Any:
        key = (request.task, tuple(request.tasks), tuple(request.include_paths), request.model, request.working_dir)
        if key not in self._tasks:
            while len(self._tasks) >= _MOST_TASKS:
                self._tasks.popitem(last=False)
            try:
                self._tasks[key] = _load(request)
            except _Failed:
                raise
            except BaseException as error:  # tasks call sys.exit
                said = f"{type(error).__name__}: {error}".splitlines()[0]
                raise _Failed(
                    f"The dataset of {request.task} cannot be read on this machine, and nothing is downloaded to look "
                    f"at samples ({said[:_LONGEST_SENTENCE]})",
                    of_task=True,
                ) from error
        self._tasks.move_to_end(key)
        return self._tasks[key]

    @staticmethod
    def _write(folder: Path, media: list[Any]) -> None:
        """Write all files, then let them appear together under the folder's name."""
        making = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
        try:
            stored = StoredMedia(media=[store(medium, number, making) for number, medium in enumerate(media)])
            (making / "index.json").write_text(stored.model_dump_json(), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            making.rename(folder)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise


def _load(request: MediaRequest) -> Any:
    """Load a task by its own name; with its group if that changes what it is, which takes all its members."""
    from lmms_eval.tasks import TaskManager, get_task_dict

    manager = TaskManager("ERROR", include_path=request.include_paths or None, model_name=request.model)
    names = [request.task]
    if request.task not in request.tasks:
        names = [name for name in request.tasks if _changes(manager, name, request.task)] or names
    if names[0] not in manager.all_tasks:
        raise _Failed(f"lmms-eval knows no task {request.task} any more", of_task=True)
    for name, task in _leaves(get_task_dict(names[:1], manager, "simple")):
        if name == request.task:
            return task
    raise _Failed(f"{names[0]} has no task {request.task} any more", of_task=True)


def _changes(manager: Any, group: str, task: str) -> bool:
    """Tell whether a group gives one of its tasks another definition than it has by itself."""
    from lmms_eval.api.group import GroupConfig

    known = manager.task_index.get(group, {})
    if known.get("type") != "group" or not isinstance(known.get("yaml_path"), str):
        return False
    config = manager._get_config(group)  # noqa: SLF001
    members = config.get("task")
    for member in members if isinstance(members, list) else [members]:
        name = member.get("task") if isinstance(member, dict) else member
        if name == task and (isinstance(member, dict) or not config.keys() <= set(GroupConfig.__dataclass_fields__)):
            return True
        if isinstance(name, str) and name != group and _changes(manager, name, task):
            return True
    return False


def _leaves(tasks: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, task in tasks.items():
        if isinstance(task, dict):
            yield from _leaves(task)
        elif isinstance(task, tuple):
            yield str(name), task[1]
        elif task is not None:
            yield str(name), task


def _media_of(task: Any, doc_id: int) -> Iterator[Any]:
    """Ask a task what it gives to a model, as a model does: for the document's index in the whole split."""
    documents = task.eval_docs
    if doc_id >= len(documents):
        raise _Failed(f"The dataset has no document {doc_id} any more", of_task=False)
    try:
        document = documents[doc_id]
        found = list(flat(task.doc_to_visual(document)))
        messages = getattr(task.config, "doc_to_messages", None)
        if not found and callable(messages):
            found = list(flat(list(of_messages(messages(document)))))
    except BaseException as error:  # tasks call sys.exit
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise _Failed(f"The task could not give its media ({said[:_LONGEST_SENTENCE]})", of_task=False) from error
    yield from found


def _prepare() -> None:
    """Import what loads tasks, and do not try again what cannot get better."""
    with importing.for_good():
        startup.apply()
        import tenacity
        from lmms_eval.api.task import ConfigurableTask

        from . import upstream_fixes

    upstream_fixes.plain_log("ERROR")
    upstream_fixes.no_surrounding_repository()
    upstream_fixes.real_exceptions()
    ConfigurableTask.download.retry.stop = tenacity.stop_after_attempt(1)


def _serve(connection: socket.socket) -> None:
    _prepare()
    reader = MediaReader()
    while data := connection.recv(_LONGEST_MESSAGE):
        answer = reader.answer(MediaRequest.model_validate_json(data))
        connection.send(answer.model_dump_json().encode())


def _end_with_server(connection: socket.socket) -> None:
    """End this process when the server's end of the connection is gone, also amid the loading of a dataset."""
    import select

    poll = select.poll()
    poll.register(connection, select.POLLHUP)
    poll.poll()
    startup.leave(0)


def main() -> None:
    """Serve on the connection that was inherited."""
    os.umask(0o077)
    retitle(f"{__package__}.media", *sys.argv[1:])
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        threading.Thread(target=_end_with_server, args=(connection,), daemon=True).start()
        _serve(connection)
    startup.leave(0)


if __name__ == "__main__":
    main()
