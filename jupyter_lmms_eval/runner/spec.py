"""Reads what an evaluation process is to run."""

from __future__ import annotations

from ..protocol.run import RunFiles, RunSpec
from ..protocol.secrets import read_secrets, sealed_fields, secrets_path, unseal


def read_spec(files: RunFiles, attempt: int) -> RunSpec:
    """Read what is to be run, with the secrets that the file itself does not hold.

    Raises
    ------
    ValueError
        If the file is not a spec of that attempt, or the job's secrets are gone.
    """
    spec = RunSpec.model_validate_json(files.spec.read_bytes())
    if spec.attempt != attempt:
        raise ValueError(f"spec.json is of attempt {spec.attempt}, not {attempt}")
    if fields := sealed_fields(spec.request):
        try:
            spec.request = unseal(spec.request, read_secrets(secrets_path(files.job_dir, spec.job_id)))
        except (OSError, KeyError):
            raise ValueError(
                f"the secrets in {' and '.join(fields)} of this job are gone; cancel it and submit it again"
            ) from None
    return spec
