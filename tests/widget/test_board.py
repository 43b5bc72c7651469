"""What a page is told, and that it ends up with what the server said."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.protocol.server import Device
from jupyter_lmms_eval.widget.board import Board
from jupyter_lmms_eval.widget.watch import News

from .examples import devices, job, many_states


def apply(page: dict[str, Any], message: dict[str, Any] | None) -> None:
    """Take in a message as the page does."""
    if message is None:
        return
    if message.get("reset"):
        page.clear()
    for patch in message.get("rows", []):
        page[patch["job_id"]] = page.get(patch["job_id"], {}) | patch
    for job_id in message.get("gone", []):
        del page[job_id]


def test_the_first_news_are_everything_and_the_same_news_are_none() -> None:
    board = Board()
    news = News(jobs=many_states(), everything=True, devices=[Device.model_validate(each) for each in devices()])
    message = board.hear(news, 1.0)
    assert message is not None
    assert len(message["rows"]) == len(many_states())
    assert len(message["devices"]) == 4
    assert board.hear(news, 2.0) is None
    assert board.heard_at == 2.0


def test_a_job_that_is_gone_leaves() -> None:
    board = Board()
    board.hear(News(jobs=[job("a"), job("b")], everything=True), 1.0)
    message = board.hear(News(jobs=[job("b")], everything=True), 2.0)
    assert message is not None
    assert message["gone"] == ["a"]
    assert "rows" not in message


def test_a_silent_server_keeps_its_rows_and_its_age() -> None:
    board = Board()
    board.hear(News(jobs=[job("a")], everything=True, url="http://x"), 1.0)
    first = board.hear(News(trouble="It is gone."), 10.0)
    assert first is not None
    assert first["server"] == {"url": "http://x", "trouble": "It is gone.", "silent_since": 10.0}
    assert board.hear(News(trouble="It is gone."), 20.0) is None
    assert list(board.rows) == ["a"]
    back = board.hear(News(url="http://x"), 30.0)
    assert back is not None
    assert back["server"]["silent_since"] is None


def test_a_little_noise_of_an_idle_machine_is_no_news() -> None:
    board = Board()
    known = [Device.model_validate(each | {"job_id": None}) for each in devices()]
    board.hear(News(devices=known), 1.0)

    def with_memory(used: float) -> list[Device]:
        return [known[0].model_copy(update={"memory_used": int(used * 10**9), "utilization": 0.5}), *known[1:]]

    assert board.hear(News(devices=with_memory(62.9)), 2.0) is None
    assert board.hear(News(devices=with_memory(80)), 3.0) is not None
    board.hear(News(jobs=[job("a", "running")]), 4.0)
    assert board.hear(News(devices=with_memory(80.9)), 5.0) is not None


def test_a_page_that_missed_a_message_hears_of_it_again() -> None:
    board = Board()
    page: dict[str, Any] = {}
    apply(page, board.hear(News(jobs=[job("a", "completed"), job("b", "running")], everything=True), 0.0))
    board.hear(News(jobs=[job("b", "completed")]), 500.0)  # missed
    board.hear(News(jobs=[job("c")]), 501.0)  # missed
    apply(page, board.recent(560.0))
    assert page == board.rows
    assert [row["job_id"] for row in board.recent(560.0)["rows"]] == ["b", "c"]


_STATUS = st.sampled_from(["queued", "running", "completed", "failed", "cancelled"])
_NEWS = st.tuples(st.booleans(), st.dictionaries(st.sampled_from("abcd"), _STATUS, max_size=4))


@given(st.lists(_NEWS, max_size=12))
def test_a_page_that_hears_all_messages_shows_what_the_board_shows(history: list[tuple[bool, dict[str, str]]]) -> None:
    board = Board()
    page: dict[str, Any] = {}
    for now, (everything, statuses) in enumerate(history):
        jobs = [job(job_id, status) for job_id, status in statuses.items()]
        apply(page, board.hear(News(jobs=jobs, everything=everything), float(now)))
        assert page == board.rows
    late: dict[str, Any] = {}
    apply(late, board.whole(99.0))
    assert late == board.rows


def test_who_holds_a_device_elsewhere_is_told_but_not_every_change_of_the_words() -> None:
    def heard(held_by: str | None) -> dict[str, Any] | None:
        known = [Device.model_validate(devices()[3] | {"held_by": held_by})]
        return board.hear(News(devices=known), 1.0)

    board = Board()
    heard(None)
    message = heard("61.2 of 79.6 GiB of cuda:3 are held by pid 4242 (python)")
    assert message is not None
    assert message["devices"][0]["held_by"].startswith("61.2 of 79.6")
    assert heard("61.3 of 79.6 GiB of cuda:3 are held by pid 4242 (python)") is None, (
        "each keeps the kernel from idling"
    )
    assert heard(None) is not None
