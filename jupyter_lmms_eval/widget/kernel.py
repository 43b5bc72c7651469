"""What the kernel around a table can do with clicks while a cell runs."""

from __future__ import annotations

from typing import Any


def takes_clicks_while_busy() -> bool:
    """Whether this kernel has subshells, in which clicks are handled beside a running cell.

    Returns
    -------
    bool
        False outside of a kernel, and for ipykernel before 7.
    """
    try:
        from IPython import get_ipython

        return "kernel subshells" in get_ipython().kernel.kernel_info.get("supported_features", [])
    except (ImportError, AttributeError):
        return False


def let_page_route(comm: Any) -> None:
    """Leave it to the page which subshell handles its messages.

    ipykernel 7.4 sends a page's messages to the shell that last wrote to the comm. Our thread writes for the main
    shell, so clicks would wait for the running cell although the page asked for a subshell. There is no public
    switch; where the private method is missing, nothing is changed.

    Parameters
    ----------
    comm
        The widget's comm, or None.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, chosen_by_page: chosen_by_page  # noqa: SLF001
