"""A request without its secrets, and its secrets apart: what is stored and told holds placeholders.

A placeholder names its secret by a keyed digest, so that requests with the same secrets are the same, and nothing
else can be learnt from it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import RootModel, ValidationError

from .jobs import EvaluateRequest
from .redaction import PLACEHOLDER, placeholders, redact_arguments, replace_secrets

# Fields of a request that may hold secrets.
FIELDS = ("model_args", "gen_kwargs", "launcher_args")

_DIGITS = 16


def secret_fields(request: EvaluateRequest) -> list[Any]:
    """Return the values of a request's fields that may hold secrets."""
    return [getattr(request, name) for name in FIELDS]


class Secrets(RootModel[dict[str, Any]]):
    """The secrets of a job, by the placeholders that stand for them; private, and as short-lived as the job."""


def secrets_path(job_dir: str | Path, job_id: str) -> Path:
    """Say where the secrets of a job are: beside the folder of the jobs, so that no copy of a job holds them."""
    return Path(job_dir).parent.parent / "secrets" / f"{job_id}.json"


def seal(request: EvaluateRequest, key: bytes) -> tuple[EvaluateRequest, dict[str, Any]]:
    """Take the secrets out of a request.

    Parameters
    ----------
    request
        The request.
    key
        Of the digests.

    Returns
    -------
    tuple of EvaluateRequest and dict
        The request with placeholders, and the secrets by placeholder.
    """
    secrets: dict[str, Any] = {}

    def take(value: Any) -> str:
        text = json.dumps(value, sort_keys=True)
        placeholder = f"[redacted:{hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]}]"
        secrets[placeholder] = value
        return placeholder

    changes = {name: replace_secrets(getattr(request, name), take) for name in FIELDS}
    return (request.model_copy(update=changes), secrets) if secrets else (request, {})


def holds_secrets(request: EvaluateRequest) -> bool:
    """Tell whether a request has secrets in it: most have none, and need no key."""
    # Without digests: of a long text with many secrets they would take a second.
    return any(redact_arguments(value) != value for value in secret_fields(request))


def unseal(request: EvaluateRequest, secrets: Mapping[str, Any]) -> EvaluateRequest:
    """Put the secrets back into a request.

    Parameters
    ----------
    request
        The request with placeholders.
    secrets
        The secrets by placeholder.

    Raises
    ------
    KeyError
        If one is missing.
    """
    return request.model_copy(update={name: _with(getattr(request, name), secrets) for name in FIELDS})


def sealed_fields(request: EvaluateRequest, known: Collection[str] = ()) -> list[str]:
    """Name the fields of a request in which placeholders stand, others than those that are known."""
    return [name for name in FIELDS if set(placeholders(json.dumps(getattr(request, name)))) - set(known)]


def same_but_for_secrets(one: EvaluateRequest, other: EvaluateRequest) -> bool:
    """Tell whether two requests with placeholders differ in their secrets only."""
    return _blank(one) == _blank(other)


def read_secrets(path: Path) -> dict[str, Any]:
    """Read the secrets of a job.

    Raises
    ------
    OSError
        If they are not there.
    ValueError
        If the file does not hold secrets; the text does not quote it.
    """
    try:
        return Secrets.model_validate_json(path.read_bytes()).root
    except ValidationError:
        raise ValueError(f"{path} does not hold the secrets of a job") from None


def _with(value: Any, secrets: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        if value in secrets:
            return secrets[value]
        return PLACEHOLDER.sub(lambda found: str(secrets[found[0]]), value)
    if isinstance(value, Mapping):
        return {name: _with(each, secrets) for name, each in value.items()}
    if isinstance(value, list):
        return [_with(each, secrets) for each in value]
    return value


def _blank(request: EvaluateRequest) -> dict[str, Any]:
    fields = request.model_dump(mode="json")
    return fields | {name: PLACEHOLDER.sub("[redacted]", json.dumps(fields[name], sort_keys=True)) for name in FIELDS}
