"""Replaces secrets in text by a placeholder; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"

_SECRET_NAME_ENDINGS = ("TOKEN", "KEY", "SECRET", "PASSWORD")
# Shorter values ("1", "true") are not secrets, and replacing them would garble everything.
_SHORTEST_SECRET = 6

_PATTERNS = (
    re.compile(r"\bhf_[A-Za-z0-9]{16,}\b"),
    re.compile(r"\bsk-[A-Za-z0-9_\-]{16,}"),
    re.compile(r"(?i)(?<=authorization: )(?:(?:bearer|basic|token)\s+)?[^\s'\",]+"),
    re.compile(r"(?i)(?<=\bbearer )[A-Za-z0-9._~+/\-]{8,}=*"),
    re.compile(r"(?i)(?<=api_key=)[^\s,'\")]+"),
    re.compile(r"(?i)(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)


def is_secret_name(name: str) -> bool:
    """Whether a variable or an argument of this name holds a secret."""
    return name.upper().endswith(_SECRET_NAME_ENDINGS)


def secrets_of(environment: Mapping[str, str], arguments: object = None) -> list[str]:
    """Find the secret values a process knows.

    Parameters
    ----------
    environment
        Environment variables.
    arguments
        Arguments of the model: an object, nested or not, or a ``key=value`` string.

    Returns
    -------
    list of str
        Longest first, so that a secret that contains another is replaced whole.
    """
    found = {value for name, value in environment.items() if is_secret_name(name)}
    found.update(_values_under_secret_names(arguments))
    return sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=lambda value: (-len(value), value))


def _values_under_secret_names(arguments: object) -> Iterable[str]:
    if isinstance(arguments, str):
        for part in arguments.split(","):
            name, _, value = part.partition("=")
            if is_secret_name(name.strip()) and value:
                yield value.strip().strip("'\"")
    elif isinstance(arguments, Mapping):
        for name, value in arguments.items():
            if isinstance(value, str) and is_secret_name(str(name)):
                yield value
            else:
                yield from _values_under_secret_names(value)
    elif isinstance(arguments, (list, tuple)):
        for value in arguments:
            if not isinstance(value, str):
                yield from _values_under_secret_names(value)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace known secrets, and whatever looks like one, in text.

    Parameters
    ----------
    text
        Any text.
    secrets
        Known values, longest first, as `secrets_of` gives them.
    """
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    return text


def redact_arguments(arguments: Any) -> Any:
    """A copy of arguments, as an object or as text, whose values under secret names are replaced."""
    if isinstance(arguments, str):
        return redact(arguments, secrets_of({}, arguments))
    if isinstance(arguments, Mapping):
        return {
            name: REDACTED if is_secret_name(str(name)) and value is not None else _redact_within(value)
            for name, value in arguments.items()
        }
    return _redact_within(arguments)


def _redact_within(arguments: Any) -> Any:
    if isinstance(arguments, Mapping):
        return redact_arguments(arguments)
    if isinstance(arguments, (list, tuple)):
        return [_redact_within(value) for value in arguments]
    return arguments
