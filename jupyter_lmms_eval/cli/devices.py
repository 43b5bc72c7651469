"""`jupyter lmms-eval devices`."""

from __future__ import annotations

import argparse

from .connecting import add_connection_options, connect, print_json
from .printing import console
from .tables import devices_table


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        "devices", help="List the devices of the server's machine", description="List devices and who holds them."
    )
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """List devices."""
    with connect(args) as client:
        devices = client.devices()
    if args.json:
        print_json({"devices": devices})
    else:
        console().print(devices_table(devices))
    return 0
