"""Turns the raw output of an evaluation into the job's log: no colours, no secrets, few progress bars."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Sequence

from ..protocol.redaction import redact

LONGEST_LINE = 8_000
PROGRESS_SECONDS = 10.0
PARTIAL_SECONDS = 1.0
# Of an attempt: more is a flood, such as a warning for every token, which nobody reads and which fills the disk.
MOST_BYTES = 64 << 20

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Progress bars (stderr) leave their line open, so the next log record (stdout) or dump of stacks lands behind one.
_RECORD = re.compile(
    r"(?<=\S)(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| [A-Z]"
    r"|(?:Current thread|Thread) 0x[0-9a-f]+[^\n]* \(most recent call first\):"
    r"|Fatal Python error: )"
)


def strip_ansi(text: str) -> str:
    """Text without terminal sequences and control characters."""
    return _CONTROL.sub("", _ANSI.sub("", text))


class LogFilter:
    """Cleans a stream of output, line by line.

    A progress bar redraws its line with carriage returns: of its states only one every few seconds and the last
    one are kept. A line without an end is given out after a short silence, so a hint before a crash is not lost.

    Parameters
    ----------
    secrets
        Values that must not appear.
    most_bytes
        About so much is given out. Then the log says that it is cut, and at the end how much was left out, and the
        last lines, which mostly say why an evaluation ended.
    """

    def __init__(self, secrets: Sequence[str] = (), most_bytes: int = MOST_BYTES) -> None:
        self._secrets = secrets
        self._room = most_bytes
        self._lines_left_out = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._buffer = ""
        self._left_out = 0
        self._buffered_at = 0.0
        self._redrawn = False  # the buffer began after a carriage return: a progress bar
        self._bar_at = float("-inf")
        self.last_lines: deque[str] = deque(maxlen=40)

    def feed(self, data: bytes, now: float) -> str:
        """Take output in; give out what is ready for the log."""
        text = self._decoder.decode(data)
        ready: list[str] = []
        for piece in re.split(r"(\r\n|\n|\r)", text):
            if piece in ("\n", "\r\n"):
                self._end_line(ready)
            elif piece == "\r":
                self._end_state(ready, now)
            elif piece:
                self._hold(piece, now)
        return self._within_bounds(ready)

    def flush(self, now: float, *, final: bool = False) -> str:
        """Give out an unfinished line that has waited long enough, or whatever there is."""
        ready: list[str] = []
        if final:
            self._hold(self._decoder.decode(b"", final=True), now)
            self._end_line(ready)
        elif self._buffer and not self._redrawn and now - self._buffered_at >= PARTIAL_SECONDS:
            self._end_line(ready)
        text = self._within_bounds(ready)
        if final and self._lines_left_out:
            last = list(self.last_lines)[-self._lines_left_out :]
            text += f"[{self._lines_left_out:,} lines were left out; the last ones:]\n"
            text += "".join(f"{line}\n" for line in last)
        return text

    @property
    def unfinished(self) -> bool:
        """Whether a line waits for its end."""
        return bool(self._buffer)

    def _within_bounds(self, lines: list[str]) -> str:
        """Give out lines as long as there is room for them."""
        if not lines:
            return ""
        if self._lines_left_out:
            self._lines_left_out += len(lines)
            return ""
        text = "".join(lines)
        self._room -= len(text.encode(errors="replace"))
        if self._room >= 0:
            return text
        self._lines_left_out = len(lines)
        return "[The log has become too long: further lines are left out until the evaluation ends]\n"

    def _hold(self, piece: str, now: float) -> None:
        room = LONGEST_LINE - len(self._buffer)
        self._buffer += piece[:room] if room > 0 else ""
        self._left_out += max(0, len(piece) - max(0, room))
        self._buffered_at = now

    def _take(self) -> str:
        line = redact(strip_ansi(self._buffer), self._secrets).rstrip()
        if self._left_out:
            line += f" ... [{self._left_out} more characters]"
        self._buffer, self._left_out = "", 0
        return line

    def _end_line(self, ready: list[str]) -> None:
        line = self._take()
        self._redrawn = False
        for part in _RECORD.split(line):
            if part.strip():
                ready.append(part + "\n")
                self.last_lines.append(part)

    def _end_state(self, ready: list[str], now: float) -> None:
        line = self._take()
        # Only what was itself drawn over something else is a bar's; a bar may cut into any other line.
        is_bar, self._redrawn = self._redrawn, True
        if line.strip() and (not is_bar or now - self._bar_at >= PROGRESS_SECONDS):
            self._bar_at = now if is_bar else self._bar_at
            ready.append(line + "\n")
