"""Finds secrets in text and in arguments, and replaces them by a placeholder; pure."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(r"(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|AUTHORIZATION|COOKIE)$", re.IGNORECASE)
# Tokens of a vocabulary, and keys of a table.
_ORDINARY_NAME = re.compile(
    r"(?:^|_)(?:PAD|EOS|BOS|UNK|SEP|CLS|MASK|IMG|IMAGE|VIDEO|AUDIO|SPEECH|VISION|MEDIA|STOP|END|START|BEGIN|SPECIAL|THINK"
    r"|NEW|NEXT|LAST|FIRST|PER|MAX|MIN|NUM|LABEL|ANSWER|COLUMN|SORT|CACHE)_(?:TOKEN|KEY)$",
    re.IGNORECASE,
)
# What is written where a program insists on some key, and what only says whether there is one.
_NO_SECRET = frozenset({"", "empty", "none", "null", "true", "false", "dummy"})
# Shorter values ("1", "true") are not secrets, and replacing them everywhere would garble a log.
_SHORTEST_SECRET = 6

_PATTERNS = (
    re.compile(r"\bhf_[A-Za-z0-9]{16,}\b"),
    re.compile(r"\bsk-[A-Za-z0-9_\-]{16,}"),
    re.compile(r"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?P<secret>(?:(?:bearer|basic|token)\s+)?[^\s'\",}\]]+)"),
    re.compile(r"(?i)\bbearer (?P<secret>[A-Za-z0-9._~+/\-]{8,}=*)"),
    re.compile(r"(?i)\bapi[_-]?key[\"']?\s*[:=]\s*[\"']?(?P<secret>[^\s,'\")}\]]+)"),
    re.compile(r"(?i)://(?P<secret>[^/\s:@]+:[^/\s@]+)@"),
)
# `name=value`, `"name": "value"`, `--name value`. A name begins only where none goes on, and the value is looked at
# only if the name is a secret's: else a long word, or a chain of names, would be read once for each of its letters.
_NAME = re.compile(r"(?<![\w.-])(?P<name>[\w.-]+)[\"']?(?:\s*[=:]\s*|(?<=\w)\s+(?!-))")
_VALUE = re.compile(
    r"\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<plain>(?:(?:bearer|basic)\s+)?[^\s,\"'{}\[\]()]+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?:bearer|basic|token)\s+", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\[redacted(?::[0-9a-f]{16})?\]")

Span = tuple[int, int]


def is_secret_name(name: str) -> bool:
    """Whether a variable, a header or an argument of this name holds a secret."""
    plain = name.strip().replace("-", "_")
    return bool(_SECRET_NAME.search(plain)) and not _ORDINARY_NAME.search(plain)


def is_secret_value(value: object) -> bool:
    """Whether what stands under a secret's name is one: not a flag, not a vocabulary's token, not a placeholder."""
    if value is None or isinstance(value, bool):
        return False
    if not isinstance(value, str):
        return True
    text = value.strip()
    return text.lower() not in _NO_SECRET and not re.fullmatch(r"<[^<>]*>", text) and not PLACEHOLDER.fullmatch(text)


def placeholders(text: str) -> list[str]:
    """Return the placeholders that stand in a text."""
    return PLACEHOLDER.findall(text)


def secrets_of(environment: Mapping[str, str], *arguments: object) -> list[str]:
    """Find the secret values a process knows.

    Parameters
    ----------
    environment
        Environment variables.
    *arguments
        Arguments of the model and others: objects, nested or not, or ``key=value`` strings.

    Returns
    -------
    list of str
        Longest first, so that a secret that contains another is replaced whole.
    """
    found = {value for name, value in environment.items() if is_secret_name(name)}

    def note(value: object) -> str:
        if isinstance(value, str):
            # A log may show of a header only what follows its scheme.
            found.update({value, _SCHEME.sub("", value)})
        return REDACTED

    for each in arguments:
        replace_secrets(each, note)
    return sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=lambda value: (-len(value), value))


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
    return _replaced(text, _patterned(text), lambda _: REDACTED)


def redact_arguments(arguments: Any) -> Any:
    """A copy of arguments, as an object or as text, whose secrets are replaced."""
    return replace_secrets(arguments, lambda _: REDACTED)


def scrub(value: Any, secrets: Iterable[str]) -> Any:
    """A copy of nested plain data in whose texts known secrets are replaced; what only looks like one may be a result.

    Parameters
    ----------
    value
        Mappings, lists and tuples are gone through; other objects stay as they are.
    secrets
        As for `redact`.
    """
    known = list(secrets)
    if isinstance(value, str):
        for secret in known:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, Mapping):
        return {name: scrub(each, known) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(scrub(each, known) for each in value) if type(value) in (list, tuple) else value
    return value


def replace_secrets(arguments: Any, replacement: Callable[[Any], str]) -> Any:
    """A copy of arguments in which every secret is replaced.

    Parameters
    ----------
    arguments
        An object, nested or not, or a ``key=value`` string.
    replacement
        Gives what stands for a secret; it may be asked twice for the same.
    """
    if isinstance(arguments, str):
        return _replaced(arguments, [*_named(arguments), *_patterned(arguments)], replacement)
    return _within(arguments, replacement)


def _within(arguments: Any, replacement: Callable[[Any], str]) -> Any:
    if isinstance(arguments, str):
        # Under an ordinary name stands ordinary text, in which "key: value" means nothing.
        return _replaced(arguments, _patterned(arguments), replacement)
    if isinstance(arguments, Mapping):
        return {
            name: replacement(value)
            if is_secret_name(str(name)) and is_secret_value(value)
            else _within(value, replacement)
            for name, value in arguments.items()
        }
    if isinstance(arguments, (list, tuple)):
        return [_within(value, replacement) for value in arguments]
    return arguments


def _named(text: str) -> list[Span]:
    spans = []
    at = 0
    while name := _NAME.search(text, at):
        # What stands for its value may be the next name.
        at = name.end("name")
        if is_secret_name(name["name"]) and (value := _VALUE.match(text, name.end())):
            group = str(value.lastgroup)
            if is_secret_value(value[group]):
                spans.append(value.span(group))
                at = value.end()
    return spans


def _patterned(text: str) -> list[Span]:
    return [
        found.span("secret" if "secret" in pattern.groupindex else 0)
        for pattern in _PATTERNS
        for found in pattern.finditer(text)
    ]


def _replaced(text: str, spans: Iterable[Span], replacement: Callable[[Any], str]) -> str:
    """Replace parts of a text; of parts that overlap, all that they cover is one."""
    # A placeholder is nobody's secret.
    kept = [found.span() for found in PLACEHOLDER.finditer(text)]
    merged: list[Span] = []
    for start, end in sorted(spans):
        following = bisect.bisect_right(kept, start, key=lambda span: span[1])
        if following < len(kept) and kept[following][0] < end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    parts, at = [], 0
    for start, end in merged:
        parts += [text[at:start], replacement(text[start:end])]
        at = end
    return "".join([*parts, text[at:]])
