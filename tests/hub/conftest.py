"""A hub with two people, one of whom has a notebook with an evaluation server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from jupyter_lmms_eval import EvalClient
from tests.browser.conftest import browser, page, pictures  # noqa: F401  (fixtures)
from tests.hub.people import Kernel, Person
from tests.hub.running import Hub, missing, run_hub

START = """%load_ext jupyter_lmms_eval
from jupyter_lmms_eval.demo.catalog import TASKS_DIR
server = %lmms_eval_server start --port 0 --cpu-slots 2 --include-path {TASKS_DIR}
server"""


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    if lacking := missing():
        pytest.skip(f"no hub without {lacking}; `make hub` installs what it can")
    with run_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture(scope="package")
def ann(hub: Hub) -> Person:
    """Somebody whose name must be quoted in an address, and whose Jupyter runs."""
    person = Person.joining(hub, "ann@example.org")
    person.start_server()
    return person


@pytest.fixture(scope="package")
def bob(hub: Hub) -> Person:
    """Somebody else."""
    return Person.joining(hub, "bob")


@dataclass
class Served:
    """An evaluation server in a kernel behind the hub.

    Attributes
    ----------
    kernel
        The kernel.
    card
        What the cell that started it showed.
    id
        Its identity.
    way
        Where the hub's site has it.
    """

    kernel: Kernel
    card: str
    id: str
    way: str

    @property
    def links(self) -> list[str]:
        """Addresses on the card."""
        return re.findall(r'href="([^"]+)"', self.card)


@pytest.fixture(scope="package")
def served(ann: Person) -> Iterator[Served]:
    kernel = Kernel(ann)
    card = kernel.run(START)["text/html"]
    server_id = kernel.run("server.record.id")["text/plain"].strip("'")
    yield Served(kernel, card, server_id, f"{ann.path}/lmms-eval/servers/{server_id}/")
    kernel.shut_down()


@pytest.fixture
def script(ann: Person, served: Served) -> Iterator[EvalClient]:
    """A script somewhere else, with a token of the hub that opens one Jupyter and nothing more."""
    with EvalClient(ann.hub.origin + served.way, token=ann.token()) as client:
        yield client


@pytest.fixture
def logged_in(ann: Person) -> Iterator[httpx.Client]:
    """A browser in which somebody has logged in at the hub."""
    with ann.browser() as client:
        yield client
