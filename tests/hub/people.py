"""People of a hub: they log in with a browser, run cells in kernels, and write scripts that carry a token."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import websocket

from tests.hub.running import BASE, Hub


@dataclass
class Person:
    """Somebody with an account."""

    hub: Hub
    name: str

    @classmethod
    def joining(cls, hub: Hub, name: str) -> Person:
        """Become somebody with an account."""
        hub.api("POST", f"users/{name}")
        person = cls(hub, name)
        # A question about news would cover JupyterLab.
        settings = person.folder / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(
            json.dumps({"fetchNews": "false", "checkForUpdates": False})
        )
        return person

    @property
    def folder(self) -> Path:
        """This person's home."""
        return self.hub.homes / self.name

    @property
    def path(self) -> str:
        """Where this person's Jupyter is, on the hub's site."""
        return f"{BASE}/user/{quote(self.name, safe='@')}"

    @property
    def url(self) -> str:
        """The same, as people type it."""
        return self.hub.origin + self.path

    def address(self, path: str) -> str:
        """Where a page of this person's Jupyter is."""
        return f"{self.url}/{path}"

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """Log in at the hub with a browser: it carries cookies, and no token."""
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=60, trust_env=False) as client:
            login = f"{self.hub.url}/hub/login"
            client.get(login)
            form = {"username": self.name, "password": "any", "_xsrf": client.cookies["_xsrf"]}
            # Not on to the person's own server: it would be started.
            answer = client.post(login, params={"next": f"{BASE}/hub/home"}, data=form)
            assert answer.url.path == f"{BASE}/hub/home"
            yield client

    def start_server(self) -> None:
        """Start this person's Jupyter and wait until it answers."""
        self.hub.api("POST", f"users/{self.name}/server")
        deadline = time.monotonic() + 120
        while not self._server().get("ready"):
            assert time.monotonic() < deadline, self.hub.log.read_text()[-3000:]
            time.sleep(0.2)

    def last_activity(self) -> str:
        """When this person's Jupyter was last active, as far as the hub knows."""
        return str(self._server()["last_activity"])

    def token(self, *scopes: str) -> str:
        """Ask the hub for a token; scopes are those of a script that may reach the person's own server and no more."""
        body = {"note": "a script", "scopes": scopes or [f"access:servers!user={self.name}"]}
        return str(self.hub.api("POST", f"users/{self.name}/tokens", **body)["token"])

    def script(self) -> httpx.Client:
        """A script somewhere else, which reaches this person's Jupyter."""
        carried = {"Authorization": f"token {self.token()}"}
        return httpx.Client(base_url=self.url, headers=carried, timeout=60, trust_env=False)

    def reports(self) -> int:
        """How often this person's Jupyter has told the hub of its activity."""
        return self.hub.log.read_text().count(f"200 POST {BASE}/hub/api/users/{self.name}/activity")

    def _server(self) -> dict[str, Any]:
        servers: dict[str, dict[str, Any]] = self.hub.api("GET", f"users/{self.name}")["servers"]
        return servers.get("", {})


def xsrf(browser: httpx.Client, person: Person) -> str:
    """Return the token against forged requests, as a page of somebody's Jupyter reads it from its cookies."""
    (token,) = [one.value for one in browser.cookies.jar if one.name == "_xsrf" and one.path == f"{person.path}/"]
    return str(token)


class Kernel:
    """A kernel of a person's Jupyter, reached through the hub."""

    def __init__(self, person: Person) -> None:
        self._way = person.script()
        answer = self._way.post("/api/kernels", json={"name": "python3"}).raise_for_status()
        self.id = answer.json()["id"]
        address = f"{person.url.replace('http', 'ws', 1)}/api/kernels/{self.id}/channels"
        carried = {"Authorization": self._way.headers["Authorization"]}
        self._socket = websocket.create_connection(address, header=carried, timeout=60)

    def run(self, code: str) -> Any:
        """Run a cell and return what it showed, by type."""
        identity = uuid.uuid4().hex
        header = {
            "msg_id": identity,
            "msg_type": "execute_request",
            "username": "",
            "session": identity,
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps({**message, "buffers": []}))
        shown: dict[str, str] = {}
        while True:
            heard = json.loads(self._socket.recv())
            if heard["parent_header"].get("msg_id") != identity:
                continue
            content = heard["content"]
            if heard["msg_type"] in ("execute_result", "display_data"):
                shown |= content["data"]
            assert heard["msg_type"] != "error", content
            if heard["msg_type"] == "status" and content["execution_state"] == "idle":
                return shown

    def shut_down(self) -> None:
        self._socket.close()
        self._way.delete(f"/api/kernels/{self.id}")
        self._way.close()
