"""What all our handlers share: who may ask, refusals as JSON, and what counts as activity."""

from __future__ import annotations

import json
from http.client import responses
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import APIHandler

from .refusal import Refusal

if TYPE_CHECKING:
    from .app import LmmsEvalExtension

# Jupyter says "Forbidden" to whom it does not know, and asks a script whose token is wrong for `_xsrf`.
_LET_IN = (
    "log in to Jupyter; or send a token that it, or its hub, accepts as 'Authorization: token TOKEN'; "
    "a page of Jupyter's also sends X-XSRFToken"
)
_WRONG_NAME = (
    "Jupyter does not answer to the name by which it was asked; use localhost, or add the name to "
    "c.ServerApp.local_hostnames"
)


class LmmsEvalHandler(APIHandler):
    """Answers refusals with one sentence, in Jupyter's words (``message``) and in those of the API (``detail``)."""

    auth_resource = "lmms_eval"

    def initialize(self, extension: LmmsEvalExtension) -> None:
        """Take the extension that the handler belongs to."""
        self.extension = extension

    async def prepare(self) -> None:  # type: ignore[override]  # as Jupyter's own
        """Let in who may, and look whether a person acts: pages that poll must not keep a server from being culled."""
        self._track_activity = self.request.method not in ("GET", "HEAD", "OPTIONS")
        await super().prepare()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer a refusal."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        said = getattr(error, "log_message", None)
        sentence = said or responses.get(status_code, "Error")
        if isinstance(error, Refusal):
            sentence = error.sentence
        elif status_code == 403 and not self.check_host():
            sentence = f"{sentence}: {_WRONG_NAME}"
        elif status_code == 403 and (not said or "_xsrf" in said):
            sentence = f"{sentence}: {_LET_IN}"
        self.finish(json.dumps({"message": sentence, "detail": sentence, "reason": None}))
