"""Where everything of a chaos run lies, and the environment that keeps it there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import OFFLINE

PLUGIN = Path(__file__).parent / "plugin"


@dataclass(frozen=True)
class Folders:
    """The folders of a run.

    Attributes
    ----------
    root
        All others lie in it.
    """

    root: Path

    @property
    def state(self) -> Path:
        """State directory of the server."""
        return self.root / "state"

    @property
    def asked(self) -> Path:
        """What the echo model was asked, a file for each job."""
        return self.root / "asked"

    @property
    def runtime(self) -> Path:
        """Jupyter's runtime directory: records of servers, locks of devices."""
        return self.root / "runtime"

    @property
    def device_locks(self) -> Path:
        """Locks of the devices."""
        return self.runtime / "lmms_eval" / "devices"

    def make(self) -> None:
        """Create what the servers do not create themselves."""
        for folder in (self.root, self.asked, self.runtime):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """Return the environment of the servers: private, without a network, with the echo model."""
        paths = [str(PLUGIN), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        return {
            **os.environ,
            **OFFLINE,
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_DATA_DIR": str(self.root / "data"),
            "JUPYTER_CONFIG_DIR": str(self.root / "config"),
            "HF_HOME": str(self.root / "hf"),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "LMMS_EVAL_PLUGINS": "echo_model",
        }
