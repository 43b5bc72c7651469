"""Samples and their media through Jupyter: a browser shows them and can do nothing else with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_lmms_eval.demo.catalog import TASKS_DIR
from tests.api.seeding import waiting_jobs
from tests.conftest import IMPORTS_NOTHING, Server
from tests.serverext.conftest import Jupyter

Start = Callable[..., Server]


@pytest.mark.evaluation
def test_samples_and_pictures_are_shown_through_jupyter(jupyter: Jupyter, start_server: Start) -> None:
    server = start_server(IMPORTS_NOTHING, "--include-path", str(TASKS_DIR), "--cpu-slots", "1")
    job_id = server.client.evaluate("dummy", ["numbers_read"], model_args={"response": "7"}, limit=4)["job_id"]
    server.client.wait_for_job(job_id, verbose=False)
    with jupyter.browser() as browser:
        below = f"/lmms-eval/servers/{server.record.id}/jobs/{job_id}/samples"
        page = browser.get(below, params={"filter": "wrong", "q": "number", "limit": 2}).json()
        assert page == server.client.samples(job_id, filter="wrong", q="number", limit=2)
        # Jupyter waits for 2 s otherwise; the first look at a dataset takes longer.
        listed = browser.get(f"{below}/numbers_read/2/media", timeout=100)
        assert listed.json()["media"] == [{"n": 0, "kind": "image"}]
        picture = browser.get(f"{below}/numbers_read/2/media/0")
        assert picture.content == server.client.read_media(job_id, "numbers_read", 2)
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in picture.headers["content-security-policy"]
        assert picture.headers["cache-control"].startswith("private, max-age=")
        part = browser.get(f"{below}/numbers_read/2/media/0", headers={"Range": "bytes=1-3"})
        assert (part.status_code, part.content) == (206, b"PNG")
        assert part.headers["content-range"].startswith("bytes 1-3/")
        known = browser.get(f"{below}/numbers_read/2/media/0", headers={"If-None-Match": picture.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")


def test_a_job_is_changed_through_jupyter(jupyter: Jupyter, start_server: Start, tmp_path: Path) -> None:
    first, second = waiting_jobs(tmp_path / "state", 2)
    server = start_server(IMPORTS_NOTHING, state_dir=tmp_path / "state")
    with jupyter.client() as client:
        changed = client.patch(f"/lmms-eval/servers/{server.record.id}/jobs/{second}", json={"priority": 2})
    assert (changed.status_code, changed.json()["position_in_queue"]) == (200, 0)
    assert server.client.get_queue_status()["queued_jobs"] == [second, first]
