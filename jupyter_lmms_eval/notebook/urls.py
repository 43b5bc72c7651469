"""Addresses of a server that work where the browser is: a pure decision. No host is ever guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TEMPLATE_VARIABLE = "LMMS_EVAL_PROXY_URL"
HUB_VARIABLE = "JUPYTERHUB_SERVICE_PREFIX"
# Where the Jupyter server's extension passes requests on, below the base URL.
EXTENSION_PATH = "lmms-eval/servers"


@dataclass(frozen=True)
class Link:
    """An address.

    Attributes
    ----------
    label
        From where it works.
    url
        The address; relative to the page's host where only the browser knows that.
    """

    label: str
    url: str


@dataclass(frozen=True)
class Surroundings:
    """Where a notebook is shown.

    Attributes
    ----------
    template
        Address that an administrator set, with ``{port}`` and ``{id}``.
    jupyter_base
        Path of the Jupyter server whose extension passes requests on; None without one.
    hub
        Whether the kernel runs under JupyterHub: the browser is on another machine.
    vscode, colab
        Whether it is shown there.
    """

    template: str = ""
    jupyter_base: str | None = None
    hub: bool = False
    vscode: bool = False
    colab: bool = False


def surroundings(environment: Mapping[str, str], jupyter_base: str | None, *, colab: bool = False) -> Surroundings:
    """Read the environment of a kernel.

    Parameters
    ----------
    environment
        Its variables.
    jupyter_base
        Path of the Jupyter server that it belongs to, if that passes requests on.
    colab
        Whether Colab's module is there.
    """
    hub = environment.get(HUB_VARIABLE, "")
    return Surroundings(
        template=environment.get(TEMPLATE_VARIABLE, "").strip(),
        # Under a hub, the prefix is what the browser sees.
        jupyter_base=hub or jupyter_base if jupyter_base is not None else None,
        hub=bool(hub),
        vscode=any(name in environment for name in ("VSCODE_PID", "VSCODE_IPC_HOOK", "VSCODE_CWD")),
        colab=colab,
    )


def links(url: str, port: int, server_id: str, where: Surroundings) -> list[Link]:
    """List the addresses of a server, the surest first.

    Parameters
    ----------
    url
        Its address on its own machine.
    port
        Its port.
    server_id
        Its identity.
    where
        Where the notebook is shown.
    """
    found = []
    if where.template:
        filled = where.template.replace("{port}", str(port)).replace("{id}", server_id)
        found.append(Link("through this site's proxy", filled))
    if where.jupyter_base is not None:
        path = f"/{where.jupyter_base.strip('/')}/{EXTENSION_PATH}/{server_id}/".replace("//", "/")
        found.append(Link("through Jupyter", path))
    if where.colab:
        return found
    if where.vscode:
        found.append(Link("VS Code forwards the port", url))
    elif not where.hub:
        found.append(Link(f"in a browser on this machine, or with port {port} forwarded", url))
    return found


def advice(port: int, where: Surroundings) -> str:
    """Say how to reach a server where no address does."""
    if where.colab:
        return f"In Colab: from google.colab import output; output.serve_kernel_port_as_window({port})"
    return ""
