"""What a client names as task, sample or medium leads to samples, never to other files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.conftest import Server, run_server
from tests.security.raw import request
from tests.security.test_paths import ELSEWHERE
from tests.tasks import write_task

pytestmark = [pytest.mark.evaluation, pytest.mark.timeout(240)]

LEAKING = """
import pathlib
FOLDER = pathlib.Path({folder!r})
NAMES = ["secret.mp4", "link.png", "/etc/passwd", "~/.ssh/id_rsa", "../jobs.sqlite", "page.html", "file:///etc/passwd"]
def doc_to_visual(doc):
    return [str(FOLDER / name) if not name.startswith(("~", "file:")) else name for name in NAMES]
def process_results(doc, results):
    return {{"own": 1.0}}
"""


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server with a finished job whose dataset names files that are none of its business."""
    root = tmp_path_factory.mktemp("leaking")
    folder = write_task(root / "tasks", "leaking_digits")
    (folder / "leaking_digits.py").write_text(LEAKING.format(folder=str(root)))
    (root / "secret.mp4").write_text("root: a secret")
    (root / "link.png").symlink_to(root / "secret.mp4")
    (root / "page.html").write_text("<script>alert('root:')</script>")
    with run_server(
        root / "state", "--include-path", str(folder), "--include-path", str(TASKS_DIR), "--cpu-slots", "1"
    ) as server:
        job = server.client.evaluate("dummy", ["leaking_digits"], model_args={"response": "7"}, limit=1)["job_id"]
        server.client.wait_for_job(job, verbose=False)
        yield server, job


def test_files_that_are_no_media_are_never_sent_whatever_a_dataset_calls_them(leaking: tuple[Server, str]) -> None:
    server, job = leaking
    media = server.client.sample_media(job, "leaking_digits", 0)
    assert [medium["kind"] for medium in media] == ["unknown"] * 7
    for number in range(7):
        answer = request(server, f"GET /jobs/{job}/samples/leaking_digits/0/media/{number} HTTP/1.1")
        assert answer.status == 404
        assert b"cannot be shown" in answer.body
        assert b"root:" not in answer.body


@pytest.mark.parametrize("name", ELSEWHERE)
def test_names_of_tasks_samples_and_media_are_no_paths(leaking: tuple[Server, str], name: str) -> None:
    server, job = leaking
    name = name.replace(" ", "%20")
    for path in (
        f"{name}/samples",
        f"{job}/samples/{name}/0/media",
        f"{job}/samples/{name}/0/media/0",
        f"{job}/samples/leaking_digits/{name}/media",
        f"{job}/samples/leaking_digits/0/media/{name}",
        f"{job}/samples?task={name.replace('%00', '%2500')}",
    ):
        answer = request(server, f"GET /jobs/{path} HTTP/1.1")
        assert answer.status in (404, 422), (path, answer)
        assert b"root:" not in answer.body


def test_what_is_kept_of_media_is_private(leaking: tuple[Server, str]) -> None:
    server, job = leaking
    server.client.sample_media(job, "leaking_digits", 0)
    kept = [server.state_dir / "media", *(server.state_dir / "media").rglob("*"), Path(server.state_dir / "media.log")]
    assert len(kept) > 2
    for path in kept[:-1]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_samples_need_the_token(leaking: tuple[Server, str]) -> None:
    server, job = leaking
    import httpx

    for path in ("samples", "samples/leaking_digits/0/media", "samples/leaking_digits/0/media/0"):
        assert httpx.get(f"{server.url}/jobs/{job}/{path}").status_code == 401
    assert httpx.patch(f"{server.url}/jobs/{job}", json={"name": "x"}).status_code == 401
