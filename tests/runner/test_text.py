"""What reaches the log and the failure messages: no secrets, no terminal sequences, no floods."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lmms_eval.protocol.redaction import REDACTED, redact, redact_arguments, secrets_of
from jupyter_lmms_eval.runner.logfile import LONGEST_LINE, PROGRESS_SECONDS, LogFilter, strip_ansi


@pytest.mark.parametrize(
    ("environment", "arguments", "secrets"),
    [
        ({"HF_TOKEN": "token-1", "PATH": "/bin", "X_API_KEY": "key-12345"}, None, ["key-12345", "token-1"]),
        ({"DEBUG_KEY": "1"}, None, []),
        ({}, "model=m,api_key='open sesame',max_tokens=12345678", ["open sesame"]),
        ({}, {"api_key": "sesame", "nested": {"db_password": "hunter2hunter2"}}, ["hunter2hunter2", "sesame"]),
        ({}, {"servers": [{"auth_token": "abcdefgh"}], "key": None}, ["abcdefgh"]),
    ],
)
def test_secrets_are_found(environment: dict[str, str], arguments: object, secrets: list[str]) -> None:
    assert secrets_of(environment, arguments) == secrets


@pytest.mark.parametrize(
    "text",
    [
        "token=hf_abcdefghijklmnopqrst",
        "using sk-proj-abcdefghijklmnop1234",
        "Authorization: Bearer abc.def-ghi",
        "{'authorization': 'x'} bearer abcdefgh12345678",
        "api_key=abc,model=m",
        "http://user:abcdef@host/path",
    ],
)
def test_what_looks_like_a_secret_goes(text: str) -> None:
    cleaned = redact(text)
    assert REDACTED in cleaned
    assert "abc" not in cleaned


def test_ordinary_text_stays() -> None:
    text = "model_args=pretrained=a/b, http://127.0.0.1:8000/v1 task-1 hf_hub sk-ill"
    assert redact(text) == text


def test_arguments_are_redacted_by_name() -> None:
    assert redact_arguments({"api_key": "x", "a": [{"token": "y", "b": 1}], "key": None}) == {
        "api_key": REDACTED,
        "a": [{"token": REDACTED, "b": 1}],
        "key": None,
    }


@given(st.text(min_size=6), st.text(), st.text())
def test_a_known_secret_never_stays(secret: str, before: str, after: str) -> None:
    cleaned = redact(before + secret + after, [secret])
    assert secret not in cleaned or secret in REDACTED or secret in before + REDACTED + after


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text\x1b[2K", "text"),
        ("\x1b[1A\x1b[?25hbar\x08", "bar"),
        ("plain \u2588 text", "plain \u2588 text"),
    ],
)
def test_terminal_sequences_go(raw: str, clean: str) -> None:
    assert strip_ansi(raw) == clean


def feed(text: str, cleaner: LogFilter | None = None) -> str:
    cleaner = cleaner or LogFilter()
    return cleaner.feed(text.encode(), 0.0) + cleaner.flush(0.0, final=True)


def test_a_progress_bar_becomes_two_lines() -> None:
    assert feed("\r  0%|\r 50%|\r100%|\nafter\n") == "  0%|\n100%|\nafter\n"


def test_a_slow_progress_bar_is_shown_now_and_then() -> None:
    cleaner = LogFilter()
    shown = "".join(cleaner.feed(f"\r{second}%".encode(), float(second)) for second in range(100))
    assert len(shown.splitlines()) == pytest.approx(100 / PROGRESS_SECONDS, abs=1)
    assert cleaner.flush(100.0) == ""
    assert cleaner.flush(100.0, final=True) == "99%\n"


def test_a_record_behind_a_progress_bar_gets_its_own_line() -> None:
    line = "2026-01-02 03:04:05 | INFO     | here"
    assert feed(f"\r 50%|##{line}\n") == f" 50%|##\n{line}\n"


def test_an_unfinished_line_is_shown_after_a_silence() -> None:
    cleaner = LogFilter()
    assert cleaner.feed(b"waiting for", 0.0) == ""
    assert cleaner.flush(0.5) == ""
    assert cleaner.flush(1.5) == "waiting for\n"


def test_a_long_line_is_cut() -> None:
    cleaned = feed("x" * (LONGEST_LINE + 50) + "\n")
    assert cleaned == "x" * LONGEST_LINE + " ... [50 more characters]\n"


DUMPER = """
import faulthandler, signal, threading, os
def wait_for_a_judge(): threading.Event().wait()
def score(): wait_for_a_judge()
for _ in range(3): threading.Thread(target=score, daemon=True).start()
faulthandler.register(signal.SIGUSR1, all_threads=True, chain=False)
os.kill(os.getpid(), signal.SIGUSR1)
"""


@pytest.fixture(scope="module")
def dump() -> str:
    """What a process of four threads writes when it is asked for its stacks."""
    made = subprocess.run([sys.executable, "-c", DUMPER], capture_output=True, text=True, check=True).stderr
    assert made.count("in wait_for_a_judge") == 3
    return made


@given(data=st.data())
def test_a_dump_of_stacks_stays_whole_behind_a_progress_bar(dump: str, data: st.DataObject) -> None:
    raw = ("\r 50%|##" + dump + "\r 51%|##\n").encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    cleaner = LogFilter()
    parts = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    shown = "".join(cleaner.feed(part, 0.0) for part in parts) + cleaner.flush(0.0, final=True)
    lines = [line for line in dump.splitlines() if line]
    start = shown.splitlines().index(lines[0])
    assert shown.splitlines()[start : start + len(lines)] == lines


def test_a_progress_bar_that_cuts_into_a_line_takes_none_of_it() -> None:
    cleaner = LogFilter()
    cleaner.feed(b"\r 1%|\r 2%|\n", 0.0)
    assert "File x.py, line" in cleaner.feed(b"  File x.py, line\r 51%|", 0.1)


def test_broken_text_passes() -> None:
    cleaner = LogFilter()
    assert cleaner.feed(b"caf\xc3", 0.0) + cleaner.feed(b"\xa9 \xff\n", 0.0) == "caf\xe9 \ufffd\n"


@given(st.text(alphabet="ab \r\n\x1b[31m2", max_size=80), st.data())
def test_the_log_does_not_depend_on_how_output_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    cleaner = LogFilter()
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    got = "".join(cleaner.feed(part.encode(), 0.0) for part in parts) + cleaner.flush(0.0, final=True)
    assert [line for line in got.splitlines() if line] == [line for line in feed(text).splitlines() if line]
    assert "\x1b[" not in got
