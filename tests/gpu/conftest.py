"""A GPU, and strangers who use it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jupyter_lmms_eval.engine.devices import Devices

_HOLDS_MEMORY = """
import sys, torch
total = torch.cuda.get_device_properties(0).total_memory
kept = torch.ones(int(total * float(sys.argv[1])), dtype=torch.uint8, device="cuda")
torch.cuda.synchronize()
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def devices() -> Iterator[Devices]:
    devices = Devices()
    yield devices
    devices.close()


@pytest.fixture
def gpu(devices: Devices) -> str:
    """The first GPU, if nobody else fills it."""
    device = devices.ids[0]
    if reason := devices.blocked(device) or devices.crowded(device):
        pytest.skip(reason)
    return device


@contextmanager
def stranger(device: str, share: float) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a share of a GPU's memory."""
    environment = {
        **os.environ,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": device.removeprefix("cuda:"),
    }
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS_MEMORY, str(share)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holds\n"
            yield process
        finally:
            process.kill()
