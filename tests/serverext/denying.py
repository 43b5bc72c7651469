"""An authorizer of a site where others may look at evaluations, and do nothing."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer


class LookOnly(Authorizer):
    def is_authorized(self, _handler: Any, _user: Any, action: str, resource: str) -> bool:
        return resource != "lmms_eval" or action == "read"
