"""A small hub, as an administrator would set it up, below a path of its site."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821  (JupyterHub brings it)
site = json.loads(os.environ["LMMS_EVAL_TEST_HUB"])

c.JupyterHub.bind_url = f"http://127.0.0.1:{site['port']}{site['base']}/"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{site['hub_port']}"
c.JupyterHub.db_url = "sqlite:///:memory:"
c.JupyterHub.cookie_secret = os.urandom(32)
c.ConfigurableHTTPProxy.command = site["proxy"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{site['proxy_port']}"

# Whoever names himself is let in; all are the same user of the machine, each with a home of his own.
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = site["homes"] + "/{username}"
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = [
    "--allow-root",
    "--ServerApp.allow_unauthenticated_access=False",
    "--LabApp.expose_app_in_browser=True",
    "--LmmsEvalExtension.watch_interval=0.2",
]
# News of what goes on, every second instead of every five minutes.
c.Spawner.environment = {**site["environment"], "JUPYTERHUB_ACTIVITY_INTERVAL": "1"}
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
c.JupyterHub.activity_resolution = 0
# The proxy takes every answer for activity, so a site that culls idle servers asks the servers alone.
c.JupyterHub.last_activity_interval = 0

c.JupyterHub.services = [{"name": "tests", "api_token": site["token"]}]
c.JupyterHub.load_roles = [
    {
        "name": "tests",
        "services": ["tests"],
        "scopes": ["read:hub", "admin:users", "admin:servers", "tokens", "access:servers"],
    }
]
