"""Paths as a person types them."""

from __future__ import annotations

from pathlib import Path


def absolute(path: str) -> str:
    """Write a path as it means the same in any working directory.

    Parameters
    ----------
    path
        As a person writes it; ``~`` is a home directory.

    Raises
    ------
    ValueError
        If it names the home directory of nobody.
    """
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:
        user = Path(path).parts[0]
        raise ValueError(f"{path}: there is no home directory {user}; ./{path} is a folder of that name") from None
