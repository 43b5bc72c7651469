"""The same on the oldest ipykernel that is supported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import eventually
from tests.kernel.conftest import LOAD, Kernel, client_of, server_of, start_line

SUBMIT = "%lmms_eval_server submit --model dummy --model_args response=7 --tasks digits_read --limit 4"


@pytest.mark.evaluation
def test_a_server_lives_works_and_ends_with_an_old_kernel(old_kernel: Kernel, tmp_path: Path) -> None:
    assert old_kernel.run("import ipykernel; print(ipykernel.__version__)").printed.startswith("6.")
    started = old_kernel.run(start_line(tmp_path / "state"))
    assert started.status == "ok", started.error
    with client_of(old_kernel) as client:
        busy = old_kernel.submit("import time\nend = time.time() + 3\nwhile time.time() < end: pass")
        assert client.is_healthy()
        assert old_kernel.finish(busy).status == "ok"
        waited = old_kernel.run(f"job = {SUBMIT}\njob.wait().status", timeout=120)
        assert "completed" in waited.text, waited.error
        assert "digits_read" in old_kernel.run("%lmms_eval_server jobs").html
    old_kernel.manager.restart_kernel(now=False)
    old_kernel.client.wait_for_ready(timeout=60)
    eventually(lambda: server_of(old_kernel) is None)
    assert old_kernel.run(LOAD).status == "ok"
    assert old_kernel.run(start_line(tmp_path / "state")).status == "ok"
