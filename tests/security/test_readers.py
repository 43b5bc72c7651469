"""What is read back from disk may be damaged or be another's: a reader says so in its own words, and never fails."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_lmms_eval.discovery.certificate import own_certificate
from jupyter_lmms_eval.discovery.records import read_record
from jupyter_lmms_eval.engine.errors import ResultsGone
from jupyter_lmms_eval.engine.following import EventReader
from jupyter_lmms_eval.engine.job_card import JobCard, read_card
from jupyter_lmms_eval.engine.logs import read_log
from jupyter_lmms_eval.engine.outcome import job_results
from jupyter_lmms_eval.engine.recovery import _read_spec
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus
from jupyter_lmms_eval.protocol.run import JournalEntry, RunEvent, RunFiles, RunOutcome, RunSpec
from jupyter_lmms_eval.protocol.secrets import read_secrets
from jupyter_lmms_eval.protocol.server import ServerRecord
from jupyter_lmms_eval.results.reading import read_results
from jupyter_lmms_eval.runner.journal import Journal
from jupyter_lmms_eval.runner.spec import read_spec

REQUEST = EvaluateRequest(model="dummy", tasks=["mme"], model_args={"a": [1, None, {"b": "c"}]})
INFO = JobInfo(job_id="a", status=JobStatus.QUEUED, created_at="2026-11-22T10:00:00.000+00:00", request=REQUEST)
RECORD = ServerRecord(
    id="abc",
    pid=1,
    create_time=1.0,
    host="localhost",
    port=1,
    url="http://localhost:1",
    token="t",
    state_dir="/s",
    started_at="now",
    version="1",
)
EVENT = RunEvent(event="progress", time=1.0, attempt=1, done={"mme": 3})
ENTRY = JournalEntry(key="k", task="mme", doc_id=1, idx=0, attempt=1, answer="text")
RESULTS = {"results": {"mme": {"alias": "mme", "acc,none": 0.5, "acc_stderr,none": "N/A"}}, "n-samples": {"mme": {}}}


def records(folder: Path, content: bytes) -> None:
    path = folder / "lmms-eval-server-abc.json"
    path.write_bytes(content)
    path.chmod(0o600)
    read_record(path)


def cards(folder: Path, content: bytes) -> None:
    RunFiles(folder).card.write_bytes(content)
    read_card(RunFiles(folder).card)


def events(folder: Path, content: bytes) -> None:
    RunFiles(folder).events.write_bytes(content)
    reader = EventReader(RunFiles(folder).events)
    assert all(isinstance(event, RunEvent) for event in reader.read())
    reader.read()


def journals(folder: Path, content: bytes) -> None:
    RunFiles(folder).journal.write_bytes(content)
    Journal(RunFiles(folder).journal)


def specs(folder: Path, content: bytes) -> None:
    RunFiles(folder).spec.write_bytes(content)
    _read_spec(RunFiles(folder).spec)
    try:
        read_spec(RunFiles(folder), 1)
    except ValueError:
        return


def secrets(folder: Path, content: bytes) -> None:
    (folder / "secrets.json").write_bytes(content)
    try:
        read_secrets(folder / "secrets.json")
    except ValueError as error:
        said = str(error)
        assert len(said) < 300, "what is in it is quoted nowhere"


def results(folder: Path, content: bytes) -> None:
    (folder / "results.json").write_bytes(content)
    try:
        read_results(str(folder / "results.json"))
    except (OSError, ValueError):
        return


def outcomes(folder: Path, content: bytes) -> None:
    RunFiles(folder).outcome(1).write_bytes(content)
    try:
        job_results(INFO.model_copy(update={"job_dir": str(folder), "attempt": 1}))
    except ResultsGone:
        return


def logs(folder: Path, content: bytes) -> None:
    RunFiles(folder).log.write_bytes(content)
    offset, text = 0, ""
    while not (chunk := read_log(RunFiles(folder).log, offset, finished=True)).complete:
        assert chunk.next_offset > offset
        offset, text = chunk.next_offset, text + chunk.text
    assert text + chunk.text == content.decode(errors="replace")


def certificates(folder: Path, content: bytes) -> None:
    (folder / "certificate.pem").write_bytes(content)
    try:
        own_certificate(folder / "certificate.pem")
    except ValueError:
        return


OUTCOME = RunOutcome(status="ok", results_path="results.json", timings={"scoring": 1.0})
SPEC = RunSpec(job_id="a", attempt=1, job_dir="/j", request=REQUEST)
# A reader, and what it reads when all is well.
READERS: dict[str, tuple[Callable[[Path, bytes], None], str]] = {
    "record": (records, RECORD.model_dump_json()),
    "card": (cards, JobCard(seq=1, info=INFO).model_dump_json()),
    "events": (events, (EVENT.model_dump_json() + "\n") * 3),
    "journal": (journals, (ENTRY.model_dump_json() + "\n") * 3),
    "spec": (specs, SPEC.model_dump_json()),
    "secrets": (secrets, '{"[redacted:0123456789abcdef]": "value"}'),
    "results": (results, json.dumps(RESULTS)),
    "outcome": (outcomes, OUTCOME.model_dump_json()),
    "log": (logs, "line\nmüde\n"),
    "certificate": (certificates, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn, whole: str) -> bytes:
    """A file that was cut, overwritten, mixed up, or is something else."""
    content = whole.encode()
    kind = draw(st.sampled_from(["noise", "cut", "bytes", "value", "json", "deep", "doubled"]))
    if kind == "noise":
        return draw(st.binary(max_size=200))
    if kind == "cut":
        return content[: draw(st.integers(0, len(content)))]
    if kind == "json":
        return json.dumps(draw(JSON)).encode()
    if kind == "deep":
        return draw(st.sampled_from([b"[", b'{"a":'])) * draw(st.sampled_from([10, 5000, 100_000]))
    if kind == "doubled":
        return content + draw(st.sampled_from([b"", b"\n", b"\r", b"\0"])) + content
    if kind == "value":
        return _with_other_value(draw, whole)
    place = draw(st.integers(0, len(content)))
    return content[:place] + draw(st.binary(min_size=1, max_size=8)) + content[place + draw(st.integers(0, 8)) :]


def _with_other_value(draw: st.DrawFn, whole: str) -> bytes:
    lines = whole.splitlines()
    try:
        fields: Any = json.loads(lines[0])
    except ValueError:
        return whole.encode()
    name = draw(st.sampled_from(sorted(fields)))
    fields[name] = draw(JSON)
    return "\n".join([json.dumps(fields), *lines[1:], ""]).encode()


@pytest.mark.parametrize("reader", READERS)
def test_what_is_whole_is_read(reader: str, tmp_path: Path) -> None:
    read, whole = READERS[reader]
    read(tmp_path, whole.encode())


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_damaged_raises_nothing_else(reader: str, data: st.DataObject) -> None:
    read, whole = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), data.draw(damaged(whole)))
