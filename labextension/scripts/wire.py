"""Prints what the servers say on the wire as one OpenAPI document, of which `src/api/wire.ts` is made.

The evaluation server describes itself; what Jupyter's side adds (its list of servers) is added here.
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_lmms_eval.api.app import create_app
from jupyter_lmms_eval.serverext.servers import ServerList

_DEFINITIONS = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """Join both descriptions."""
    told: dict[str, Any] = create_app().openapi()
    listed = ServerList.model_json_schema(ref_template=_DEFINITIONS, mode="serialization")
    told["components"]["schemas"].update(listed.pop("$defs"))
    told["components"]["schemas"]["ServerList"] = listed
    told["paths"] = {}  # the extension says itself what it asks
    return told


if __name__ == "__main__":
    print(json.dumps(document()))
