"""The widget without a page: what it sends, what it does with clicks, what a saved notebook keeps."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jupyter_lmms_eval.discovery.finder import NoServerRunning
from jupyter_lmms_eval.protocol.jobs import JobStatus
from jupyter_lmms_eval.widget import JobTable, keepsake, table
from jupyter_lmms_eval.widget.kernel import let_page_route, takes_clicks_while_busy
from jupyter_lmms_eval.widget.watch import Pace
from tests.conftest import eventually

from .examples import devices, job, many_states, metric
from .scripted_server import ScriptedServer

QUICK = Pace(busy=0.02, idle=0.02, devices=0.05, idle_devices=0.05, identity=0.1, longest=0.1)


class Recorded(JobTable):
    """A table that keeps what it sends."""

    def __init__(self, server: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(server, pace=QUICK)

    def send(self, content: dict[str, Any], _buffers: Any = None) -> None:
        self.sent.append(content)

    def click(self, **message: Any) -> None:
        self._on_page(self, message, [])

    def got(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["type"] == kind]


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        server.devices = devices()
        for each in many_states():
            server.put(each)
        yield server


@pytest.fixture
def show() -> Iterator[Callable[[ScriptedServer], Recorded]]:
    shown: list[Recorded] = []

    def make(server: ScriptedServer) -> Recorded:
        shown.append(Recorded(server.url))
        return shown[-1]

    yield make
    for each in shown:
        each.close()


def test_without_a_server_it_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMMS_EVAL_SERVER", raising=False)
    monkeypatch.setattr("jupyter_lmms_eval.discovery.finder.read_records", list)
    with pytest.raises(NoServerRunning):
        JobTable()


def test_it_begins_with_everything(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    shown = show(scripted)
    state = shown.get_state("_whole")["_whole"]
    assert [row["job_id"] for row in state["rows"]] == [each.job_id for each in many_states()][::-1]
    assert len(state["devices"]) == 4
    assert shown.rows[0]["job_id"] == "9b2d51ff-running"
    assert repr(shown) == f"Recorded('{scripted.url}')"


def test_it_sends_changes_and_nothing_else(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    shown = show(scripted)
    asked = len(scripted.asked)
    eventually(lambda: len(scripted.asked) > asked + 20)
    assert shown.sent == []
    scripted.put(scripted.jobs["c0ffee12-queued"], wait_reason="next")
    (patch,) = eventually(lambda: shown.got("patch"))
    assert patch["rows"] == [{"job_id": "c0ffee12-queued", "note": "next"}]
    # Whoever comes later gets the present state.
    rows = {row["job_id"]: row for row in shown.get_state("_whole")["_whole"]["rows"]}
    assert rows["c0ffee12-queued"]["note"] == "next"


def test_a_running_job_keeps_the_kernel_from_being_taken_for_idle(
    scripted: ScriptedServer, show: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "HEARTBEAT", 0.1)
    shown = show(scripted)
    eventually(lambda: len(shown.got("patch")) > 1)
    for each in list(scripted.jobs.values()):
        scripted.put(each, status=JobStatus.COMPLETED)
    eventually(lambda: all(row["status"] == "completed" for row in shown.rows))
    shown.sent.clear()
    asked = len(scripted.asked)
    eventually(lambda: len(scripted.asked) > asked + 30)
    assert shown.sent == []


def test_a_click_is_acknowledged_at_once_and_answered_when_done(
    scripted: ScriptedServer, show: Callable[..., Recorded]
) -> None:
    shown = show(scripted)
    shown.click(type="cancel", job_ids=["9b2d51ff-running", "c0ffee12-queued"], token="t")
    assert shown.got("heard") == [{"type": "heard", "token": "t"}]
    (answer,) = eventually(lambda: shown.got("answer"))
    assert answer == {"type": "answer", "token": "t", "ok": True, "text": "2 jobs are cancelled."}
    # What waits goes first: the device that gets free would start it.
    cancelled = [line for line in scripted.asked if line.startswith("DELETE")]
    assert cancelled == ["DELETE /jobs/c0ffee12-queued", "DELETE /jobs/9b2d51ff-running"]
    eventually(lambda: {row["job_id"]: row["status"] for row in shown.rows}["9b2d51ff-running"] == "cancelled")


def test_jobs_that_somebody_else_cancelled_meanwhile_are_no_error(
    scripted: ScriptedServer, show: Callable[..., Recorded]
) -> None:
    shown = show(scripted)
    shown.click(type="cancel", job_ids=["88ad0f31-cancelled", "c0ffee12-queued"], token=1)
    (answer,) = eventually(lambda: shown.got("answer"))
    assert (answer["ok"], answer["text"]) == (True, "2 jobs are cancelled.")
    shown.click(type="cancel", job_ids=["88ad0f31-cancelled"], token=2)
    again = eventually(lambda: len(shown.got("answer")) == 2 and shown.got("answer")[-1])
    assert (again["ok"], again["text"]) == (True, "Job 88ad0f31 is cancelled.")
    shown.click(type="cancel", job_ids=["5cc0b9a7-done"], token=3)
    refused = eventually(lambda: len(shown.got("answer")) == 3 and shown.got("answer")[-1])
    assert (refused["ok"], refused["text"]) == (False, "Job 5cc0b9a7: Job already finished or cancelled")


def test_partial_results_are_marked(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    progress = {"phase": "done", "samples_done": 120, "samples_total": 450}
    early = scripted.put(job("early", "cancelled", partial=True, progress=progress, metrics=[metric(samples=120)]))
    scripted.results["early"] = {
        "job_id": "early",
        "status": "cancelled",
        "partial": True,
        "model": "llava",
        "metrics": [each.model_dump() for each in early.metrics or []],
        "n_samples": {},
        "timings": {},
        "results_path": "/results.json",
        "samples_paths": [],
    }
    shown = show(scripted)
    shown.click(type="results", job_ids=["early"], token=1)
    (answer,) = eventually(lambda: shown.got("answer"))
    assert (answer["ok"], answer["text"]) == (True, "partial: 120 of 450 samples")
    assert answer["scores"][0]["samples"] == "120"
    (row,) = [row for row in shown.rows if row["job_id"] == "early"]
    assert (row["partial"], row["note"], row["score"]) == (True, "partial: 120/450", "0.873")
    assert "partial: 120/450" in repr_of(shown)


def repr_of(shown: Recorded) -> str:
    bundle = shown._repr_mimebundle_()
    assert bundle is not None
    return str(bundle[0]["text/plain"])


def test_a_finished_job_is_tried_again(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    shown = show(scripted)
    shown.click(type="retry", job_ids=["3fa1c2d4-failed"], token="t")
    (answer,) = eventually(lambda: shown.got("answer"))
    assert answer["text"] == "Job 3fa1c2d4 is queued again."


def test_a_refusal_is_a_sentence(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    scripted.refusal = "Job already finished or cancelled"
    shown = show(scripted)
    shown.click(type="cancel", job_ids=["a1b7e0c2-loading"], token=1)
    shown.click(type="cancel", job_ids=["a1b7e0c2-loading", "c0ffee12-queued"], token=2)
    one, two = sorted(
        eventually(lambda: len(shown.got("answer")) == 2 and shown.got("answer")), key=lambda a: a["token"]
    )
    assert (one["ok"], one["text"]) == (False, "Job a1b7e0c2: Job already finished or cancelled")
    assert two["text"] == "0 of 2 jobs are cancelled; c0ffee12: Job already finished or cancelled"


def test_results_are_scores_in_words(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    done = scripted.jobs["5cc0b9a7-done"]
    scripted.results[done.job_id] = {
        "job_id": done.job_id,
        "status": "completed",
        "model": "llava",
        "metrics": [each.model_dump() for each in done.metrics or []],
        "n_samples": {},
        "timings": {},
        "results_path": "/results.json",
        "samples_paths": [],
    }
    shown = show(scripted)
    shown.click(type="results", job_ids=[done.job_id], token=1)
    (answer,) = eventually(lambda: shown.got("answer"))
    assert answer["scores"][0]["score"] == "0.4811"
    assert answer["path"] == "/results.json"
    shown.click(type="results", job_ids=["3fa1c2d4-failed"], token=2)
    refused = eventually(lambda: len(shown.got("answer")) == 2 and shown.got("answer")[-1])
    assert (refused["ok"], refused["text"], refused["job_id"]) == (False, "It has no results", "3fa1c2d4-failed")


def test_a_log_is_told_while_it_is_open(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    shown = show(scripted)
    scripted.logs["9b2d51ff-running"] = "one\n"
    shown.click(type="open_log", job_id="9b2d51ff-running")
    eventually(lambda: shown.got("log"))
    scripted.logs["9b2d51ff-running"] += "two\n"
    eventually(lambda: [message["text"] for message in shown.got("log")] == ["one\n", "two\n"])
    shown.click(type="close_log", job_id="9b2d51ff-running")
    assert not shown._watch.tails.open


def test_nobody_looking_means_nobody_asking(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    shown = show(scripted)
    shown.click(type="shown", view="1", sequence=shown._everything()["sequence"])
    shown.click(type="shown", view="2", sequence=-1)
    assert len(shown.got("patch")) == 1  # only the second one had missed something
    shown.click(type="hidden", view="1")
    shown.click(type="hidden", view="2")
    threading.Event().wait(0.2)
    asked = len(scripted.asked)
    threading.Event().wait(0.2)
    assert len(scripted.asked) <= asked + 1
    scripted.put(scripted.jobs["c0ffee12-queued"], wait_reason="soon")
    shown.click(type="shown", view="3", sequence=shown._everything()["sequence"])
    eventually(lambda: any(row["note"] == "soon" for row in shown.rows))


@pytest.mark.parametrize("message", [None, "cancel", {}, {"type": "nonsense"}, {"type": "cancel"}, {"type": []}])
def test_a_strange_message_is_ignored(message: Any, scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    shown = show(scripted)
    shown._on_page(shown, message, [])
    assert shown.sent == []


def test_a_server_that_goes_away_and_comes_back(show: Callable[..., Recorded]) -> None:
    with ScriptedServer() as server:
        server.put(job("a", "running"))
        shown = show(server)
    gone = eventually(lambda: [message for message in shown.got("patch") if message.get("server")])
    assert gone[0]["server"]["silent_since"]
    assert [row["job_id"] for row in shown.rows] == ["a"]
    with ScriptedServer(port=server.port) as reborn:
        reborn.put(job("b"))
        eventually(lambda: [row["job_id"] for row in shown.rows] == ["b"])
        assert shown.got("patch")[-1]["server"]["trouble"] == ""


def test_a_saved_notebook_keeps_the_table_as_it_was(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    bundle = show(scripted)._repr_mimebundle_()
    assert bundle is not None
    data, _ = bundle
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/plain", "text/html"}
    assert "9b2d51ff step 2000" in data["text/plain"]
    assert "&lt;img src=x onerror=alert(1)&gt;" in data["text/html"]
    assert "<img" not in data["text/html"]


def test_the_plain_table_is_an_output_of_its_own_that_follows_the_statuses(
    scripted: ScriptedServer, show: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr(keepsake, "PAUSE", 0.0)
    monkeypatch.setattr(
        "IPython.display.publish_display_data",
        lambda data, _metadata=None, **options: published.append((data, options)),
    )
    shown = show(scripted)
    shown._ipython_display_()
    (live, _), (plain, first) = published
    assert set(live) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert "&lt;img src=x" in plain["text/html"]
    assert first["update"] is False
    running = scripted.jobs["9b2d51ff-running"]
    scripted.put(running, progress={"phase": "answering", "samples_done": 2000, "samples_total": 4774})
    eventually(lambda: shown.got("patch"))
    scripted.put(running, status=JobStatus.COMPLETED)
    later, options = eventually(lambda: len(published) > 2 and published[2])
    assert options == {**first, "update": True}
    assert "2 completed" in later["text/plain"]
    assert len(published) == 3


def test_closing_ends_the_thread(scripted: ScriptedServer, show: Callable[..., Recorded]) -> None:
    shown = show(scripted)
    poller = shown._poller
    assert poller is not None
    shown.close()
    eventually(lambda: not poller.alive)
    shown.close()


def test_it_prints_nothing(
    scripted: ScriptedServer, show: Callable[..., Recorded], capfd: pytest.CaptureFixture[str]
) -> None:
    shown = show(scripted)
    asked = len(scripted.asked)
    eventually(lambda: len(scripted.asked) > asked + 10)
    shown.click(type="cancel", job_ids=["nobody"], token=1)
    eventually(lambda: shown.got("answer"))
    assert capfd.readouterr() == ("", "")


def test_clicks_outside_of_a_kernel_are_none() -> None:
    assert takes_clicks_while_busy() is False


def test_the_page_chooses_the_subshell_of_its_messages() -> None:
    class Comm:
        def _reply_subshell_for(self, _data: object, _default: str) -> str:
            return "that of the last writer"

    comm = Comm()
    let_page_route(comm)
    assert comm._reply_subshell_for({}, "that of the page") == "that of the page"
    let_page_route(None)
    bare = object()
    let_page_route(bare)


def test_importing_the_package_does_not_import_the_widget() -> None:
    import subprocess

    code = "import sys, jupyter_lmms_eval; print('anywidget' in sys.modules, 'ipywidgets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
