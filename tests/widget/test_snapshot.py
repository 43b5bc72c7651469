"""The table where nothing is live."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.widget.rows import job_row
from jupyter_lmms_eval.widget.snapshot import MOST, as_html, as_text, in_order, summary

from .examples import job, many_states

NOW = 1_795_341_600.0


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_rows_stand_as_in_the_live_table() -> None:
    rows = in_order(job_row(each) for each in reversed(many_states()))
    assert [row["short_id"] for row in rows] == [
        "9b2d51ff",  # runs longest
        "a1b7e0c2",
        "c0ffee12",  # waits longest
        "d00dfeed",
        "88ad0f31",  # ended last
        "5cc0b9a7",
        "3fa1c2d4",
    ]


def test_text_says_what_the_table_says() -> None:
    rows = in_order(job_row(each) for each in many_states())
    lines = as_text(rows, NOW).splitlines()
    assert lines[0].startswith("2 queued, 2 running, 1 completed, 1 failed, 1 cancelled (")
    assert lines[1].split() == ["Job", "Model", "Tasks", "Status", "Progress", "Score", "Time", "Device"]
    assert "9b2d51ff step 2000" in lines[2]
    assert "1,312 / 4,774, 12.3/s, 4:41 left" in lines[2]
    assert any("✓ completed" in line and "0.481 ± 0.017" in line for line in lines)
    assert len({line.index("  ", 20) for line in lines[1:2]}) == 1


def test_a_job_whose_end_nobody_knows_has_no_duration() -> None:
    known, unknown = (
        as_text([job_row(job("a", "failed", started_at="2026-11-22T10:00:00Z", completed_at=end))], NOW)
        for end in ("2026-11-22T10:00:09Z", None)
    )
    assert "0:09" in known.splitlines()[2]
    assert unknown.splitlines()[2].endswith("failed")


def test_html_holds_no_markup_of_a_job() -> None:
    evil = job("<b>id</b>", request={"name": "<script>alert(1)</script>", "model": "a&b", "tasks": ['"><img src=x>']})
    reader = read(as_html([job_row(evil)], NOW))
    assert set(reader.tags) <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert "<script>alert(1)</script>" in reader.text
    assert "a&b" in reader.text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.text(min_size=1))
def test_any_name_is_text_and_nothing_else(name: str, note: str) -> None:
    plain = as_html([job_row(job("a", wait_reason="x", request={"name": "x"}))], NOW)
    html = as_html([job_row(job("a", wait_reason=note, request={"name": name[:200]}))], NOW)
    assert read(html).tags == read(plain).tags


def test_a_newline_in_a_name_breaks_no_line_of_the_text() -> None:
    rows = [job_row(job("a", request={"name": "one\ntwo"}))]
    assert len(as_text(rows, NOW).splitlines()) == 3


def test_a_large_table_is_cut_and_says_so() -> None:
    rows = [job_row(job(f"{number:08}")) for number in range(MOST + 5)]
    assert as_text(rows, NOW).splitlines()[-1] == "and 5 more"
    assert "<p>and 5 more</p>" in as_html(rows, NOW)
    assert summary(rows) == "105 queued"


def test_an_empty_table_says_so() -> None:
    assert as_text([], NOW).startswith("No jobs yet (")
    assert "No jobs yet" in as_html([], NOW)
