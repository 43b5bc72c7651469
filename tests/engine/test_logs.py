"""Reading a log from any byte on."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.engine import logs
from jupyter_lmms_eval.engine.logs import read_log


def test_a_log_is_read_on_where_the_last_chunk_ended(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("one\n")
    first = read_log(path, 0, finished=False)
    assert (first.text, first.complete) == ("one\n", False)
    with path.open("a") as file:
        file.write("two\n")
    second = read_log(path, first.next_offset, finished=True)
    assert (second.text, second.complete) == ("two\n", True)


def test_the_end_of_a_log_is_asked_for_by_a_negative_offset(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("first\nlast\n")
    assert read_log(tmp_path / "log.txt", -5, finished=True).text == "last\n"


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    chunk = read_log(tmp_path / "none", 0, finished=False)
    assert (chunk.text, chunk.next_offset, chunk.complete) == ("", 0, False)


def test_an_offset_behind_the_end_is_the_end(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("abc")
    assert read_log(tmp_path / "log.txt", 99, finished=True).next_offset == 3


@given(st.text(max_size=60), st.integers(4, 9))
def test_characters_are_never_cut(text: str, size: int) -> None:
    import tempfile
    from unittest.mock import patch

    with tempfile.TemporaryDirectory() as folder, patch.object(logs, "CHUNK_BYTES", size):
        path = Path(folder) / "log.txt"
        path.write_bytes(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode())
        whole, offset, read = path.read_bytes().decode(), 0, ""
        while offset < path.stat().st_size:
            chunk = read_log(path, offset, finished=True)
            assert chunk.next_offset > offset
            read, offset = read + chunk.text, chunk.next_offset
        assert read == whole
