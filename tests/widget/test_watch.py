"""What the server is asked, and what is made of its answers."""

from __future__ import annotations

import gc
import threading

import pytest

from jupyter_lmms_eval import EvalClient
from jupyter_lmms_eval.widget.connecting import connector
from jupyter_lmms_eval.widget.poller import Poller
from jupyter_lmms_eval.widget.watch import News, Pace, Watch
from tests.conftest import Server, eventually

from .examples import devices, job
from .scripted_server import ScriptedServer

ALWAYS = Pace(busy=0.02, idle=0.02, devices=0, idle_devices=0, identity=0, longest=0.1)


def watch(server: ScriptedServer, newest: int = 1000, pace: Pace = ALWAYS) -> Watch:
    return Watch(connector(server.url, None, 5), newest, pace)


def ids(news: News) -> list[str]:
    return [job.job_id for job in news.jobs]


def test_after_the_first_answer_only_changes_are_asked_for() -> None:
    with ScriptedServer() as server:
        server.put(job("a"))
        server.put(job("b"))
        watching = watch(server)
        first = watching.ask()
        assert (ids(first), first.everything) == (["b", "a"], True)
        assert ids(watching.ask()) == []
        server.put(server.jobs["a"], status="running")
        second = watching.ask()
        assert (ids(second), second.everything) == (["a"], False)
        assert sum("since=" not in line for line in server.asked if line.startswith("GET /jobs")) == 1


def test_the_newest_jobs_come_page_by_page() -> None:
    with ScriptedServer() as server:
        for number in range(1200):
            server.put(job(f"{number:04}", "completed"))
        assert len(watch(server, newest=5000).ask().jobs) == 1200
        assert ids(watch(server, newest=700).ask()) == [f"{number:04}" for number in range(1199, 499, -1)]


def test_another_server_at_the_same_address_is_asked_for_everything() -> None:
    with ScriptedServer() as server:
        server.put(job("a"))
        watching = watch(server)
        watching.ask()
        server.server_id = "another"
        server.revision = 100
        news = watching.ask()
        assert news.everything
        assert ids(news) == ["a"]


def test_a_server_that_counts_anew_is_asked_for_everything() -> None:
    with ScriptedServer() as server:
        server.put(job("a"))
        server.put(job("b"))
        watching = watch(server, pace=Pace(identity=1000))
        watching.ask()
        server.revision = 1
        assert watching.ask().everything


def test_a_server_that_went_away_is_told_in_a_sentence_and_asked_ever_less_often() -> None:
    with ScriptedServer() as server:
        server.put(job("a"))
        watching = watch(server, pace=Pace(busy=1, longest=30))
        watching.ask()
    pauses = []
    for _ in range(8):
        news = watching.ask()
        assert news.jobs == []
        assert "lmms_eval_server start" in news.trouble
        assert news.url == server.url
        pauses.append(watching.pause)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    with ScriptedServer(port=server.port) as reborn:
        reborn.put(job("b"))
        news = watching.ask()
        assert (news.trouble, ids(news), news.everything) == ("", ["b"], True)


def test_devices_are_asked_for_at_once_when_a_job_starts_or_ends() -> None:
    with ScriptedServer() as server:
        server.devices = devices()
        server.put(job("a"))
        watching = watch(server, pace=Pace(devices=1000, idle_devices=1000))
        assert watching.ask().devices is not None
        assert watching.ask().devices is None
        server.put(server.jobs["a"], status="running")
        assert watching.ask().devices is not None
        server.put(server.jobs["a"], status="completed")
        assert watching.ask().devices is not None
        assert watching.ask().devices is None


def test_an_open_log_is_read_from_near_its_end_and_then_on() -> None:
    with ScriptedServer() as server:
        server.put(job("a", "running"))
        server.logs["a"] = "old\n" * 20_000 + "last\n"
        watching = watch(server)
        watching.tails.watch("a")
        (first,) = watching.ask().logs
        assert first["first"]
        assert first["text"].startswith("… old\n")
        assert first["text"].endswith("last\n")
        assert len(first["text"]) < 40_000
        assert watching.ask().logs == []
        server.logs["a"] += "more\n"
        (second,) = watching.ask().logs
        assert (second["text"], second["first"], second["complete"]) == ("more\n", False, False)
        server.put(server.jobs["a"], status="completed")
        assert watching.ask().logs[0]["complete"]
        assert not watching.tails.open


def test_a_log_that_is_refused_says_why() -> None:
    with ScriptedServer() as server:
        watching = watch(server)
        watching.tails.watch("nobody")
        (message,) = watching.ask().logs
        assert message["error"] == "There is no job nobody"
        assert not watching.tails.open


class Listener:
    def __init__(self) -> None:
        self.heard: list[News] = []
        self.threads: set[str] = set()

    def hear(self, news: News) -> None:
        self.heard.append(news)
        self.threads.add(threading.current_thread().name)


def test_the_thread_ends_with_its_listener() -> None:
    with ScriptedServer() as server:
        listener = Listener()
        poller = Poller(watch(server), listener.hear)
        poller.start()
        heard = listener.heard
        eventually(lambda: len(heard) > 2)
        assert listener.threads == {"lmms-eval-job-table"}
        del listener
        gc.collect()
        eventually(lambda: not poller.alive)


def test_a_resting_poller_asks_nothing_and_ends_when_told() -> None:
    with ScriptedServer() as server:
        listener = Listener()
        poller = Poller(watch(server), listener.hear)
        poller.start()
        eventually(lambda: listener.heard)
        poller.rest(resting=True)
        eventually(lambda: _still(server))
        poller.rest(resting=False)
        before = len(listener.heard)
        eventually(lambda: len(listener.heard) > before)
        poller.stop()
        eventually(lambda: not poller.alive)


def _still(server: ScriptedServer) -> bool:
    before = len(server.asked)
    threading.Event().wait(0.2)
    return len(server.asked) == before


def test_a_listener_that_fails_does_not_end_the_thread() -> None:
    class Bad(Listener):
        def hear(self, news: News) -> None:
            super().hear(news)
            raise RuntimeError("no")

    with ScriptedServer() as server:
        listener = Bad()
        poller = Poller(watch(server), listener.hear)
        poller.start()
        eventually(lambda: len(listener.heard) > 2)
        poller.stop()


@pytest.mark.evaluation
def test_a_real_evaluation_is_followed_from_its_submission_to_its_score(server: Server) -> None:
    watching = Watch(connector(EvalClient(server.url, token=server.token), None, 10), 1000, Pace())
    watching.ask()
    submitted = server.client.evaluate(
        model="dummy", model_args={"response": "7"}, tasks=["digits_read"], limit=4, name="followed"
    )
    seen = []

    def over() -> bool:
        news = watching.ask()
        assert not news.trouble
        seen.extend(job for job in news.jobs if job.job_id == submitted["job_id"])
        return bool(seen) and seen[-1].status.finished

    eventually(over, patience=120, every=0.2)
    statuses = [job.status.value for job in seen]
    assert statuses[-1] == "completed"
    assert statuses[0] in ("queued", "running"), "it was heard of before its end"
    assert seen[-1].metrics
    watching.tails.watch(submitted["job_id"])
    (log,) = watching.ask().logs
    assert log["complete"]
