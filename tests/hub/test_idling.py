"""What a hub that ends idle servers is told: a person who acts and a job that runs count, looking does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_lmms_eval import EvalClient
from tests.conftest import eventually
from tests.hub.people import Person


def test_looking_again_and_again_does_not_keep_jupyter_awake(ann: Person, script: EvalClient) -> None:
    before = quiet(ann)
    told = ann.reports()

    def look() -> bool:
        script.list_jobs()
        script.health()
        changed = script.changed_jobs(0)
        script.changed_jobs(changed["revision"], wait=0.2)
        return ann.reports() >= told + 2

    eventually(look)
    assert ann.last_activity() == before
    # What a person does is told.
    with ann.script() as client:
        client.delete("/lmms-eval/servers/none")
    eventually(lambda: ann.last_activity() > before)


@pytest.mark.evaluation
def test_a_running_job_keeps_it_awake(ann: Person, script: EvalClient, tmp_path: Path) -> None:
    slow = {"asked": str(tmp_path / "asked"), "delay": 0.1}
    job = script.evaluate(model="troubled", model_args=slow, tasks=["digits_read"])["job_id"]
    eventually(lambda: script.get_job(job)["status"] == "running", patience=60)
    sign_of_life(ann)  # it may be of the person who submitted
    sign_of_life(ann)
    assert script.get_job(job)["status"] == "running"
    script.cancel_job(job)


def sign_of_life(person: Person) -> None:
    """Wait until the hub hears of activity."""
    before = person.last_activity()
    eventually(lambda: person.last_activity() > before)


def quiet(person: Person) -> str:
    """Wait until the hub hears of no activity any more; return when the last was."""

    def settled() -> str:
        before, told = person.last_activity(), person.reports()
        eventually(lambda: person.reports() >= told + 2)
        return before if person.last_activity() == before else ""

    return str(eventually(settled, patience=60))
