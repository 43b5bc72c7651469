"""Merge a sharded checkpoint: reads a `MergeRequest` on standard input, prints one JSON object at the end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..protocol.server import MergeRequest


def main() -> None:
    """Merge and say how it went."""
    request = MergeRequest.model_validate_json(sys.stdin.read())
    print(json.dumps(_merge(request)))


def _merge(request: MergeRequest) -> dict[str, str]:
    try:
        from lmms_engine.merger import FSDP2Merger
    except ImportError as error:
        return {
            "type": "ImportError",
            "error": f"lmms_engine not available: {error}; install lmms-engine beside the server to merge checkpoints",
        }
    output = Path(request.output_path) if request.output_path else None
    try:
        merger = FSDP2Merger(checkpoint_type=request.checkpoint_type)
        merged = merger.merge(Path(request.checkpoint_path), output_path=output)
    except (FileNotFoundError, ValueError) as error:
        return {"type": type(error).__name__, "error": str(error)}
    except Exception as error:  # noqa: BLE001  (told to the client, whatever lmms_engine raises)
        return {"type": type(error).__name__, "error": f"Merge failed: {type(error).__name__}: {error}"}
    return {"merged_path": str(merged)}


if __name__ == "__main__":
    main()
