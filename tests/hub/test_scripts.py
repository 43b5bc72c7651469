"""Scripts elsewhere reach a person's servers with a token of the hub."""

from __future__ import annotations

import httpx
import pytest

from jupyter_lmms_eval import EvalClient
from tests.hub.conftest import Served
from tests.hub.people import Person, xsrf


@pytest.mark.evaluation
def test_a_client_evaluates_through_the_hub(script: EvalClient) -> None:
    job = script.evaluate(model="dummy", tasks=["digits_read"], limit=4)
    done = script.wait_for_job(job["job_id"], verbose=False)
    assert done["status"] == "completed"
    assert script.results(job["job_id"])["metrics"][0]["samples"] == 4
    assert job["job_id"] in [one["job_id"] for one in script.list_jobs()["jobs"]]


def test_servers_are_listed_and_tell_where_they_are(ann: Person, served: Served) -> None:
    with ann.script() as client:
        servers = {one["id"]: one for one in client.get("/lmms-eval/servers").json()["servers"]}
    assert servers[served.id]["path"] == served.way
    assert servers[served.id]["state"] == "alive"
    assert servers[served.id]["kernel_id"] == served.kernel.id


def test_a_server_of_its_own_is_started_by_a_page_and_stopped_by_a_script(
    ann: Person, served: Served, logged_in: httpx.Client
) -> None:
    logged_in.get(served.way + "docs")  # lets the browser in
    wanted = {"state_dir": "overnight", "port": 0}
    assert logged_in.post("/lmms-eval/servers", json=wanted).status_code == 403
    started = logged_in.post("/lmms-eval/servers", json=wanted, headers={"X-XSRFToken": xsrf(logged_in, ann)})
    assert started.status_code == 201, started.text
    server = started.json()["server"]
    assert started.headers["location"] == server["path"] == f"{ann.path}/lmms-eval/servers/{server['id']}/"
    with ann.script() as client:
        way = f"/lmms-eval/servers/{server['id']}"
        assert client.get(f"{way}/health").json()["server_id"] == server["id"]
        assert client.delete(way).status_code == 204
        assert client.get(way).status_code == 404
        # A part of a kernel is ended where it was started.
        refused = client.delete(f"/lmms-eval/servers/{served.id}")
        assert refused.status_code == 409


def test_a_jupyter_that_does_not_run_is_told_in_a_sentence(bob: Person) -> None:
    with (
        EvalClient(f"{bob.url}/lmms-eval/servers/any", token=bob.token()) as client,
        pytest.raises(httpx.HTTPStatusError, match="does not run: start it"),
    ):
        client.health()
