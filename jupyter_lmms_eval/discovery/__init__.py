"""Which evaluation servers live on this machine: private records, liveness, and the choice of one."""

from .finder import NoServerRunning, RunningServer, ServerAddress, find_server, known_token, running_servers
from .identity import ProcessIdentity, process_create_time
from .liveness import Liveness
from .records import read_records, record_path, remove_record, write_record

__all__ = [
    "Liveness",
    "NoServerRunning",
    "ProcessIdentity",
    "RunningServer",
    "ServerAddress",
    "find_server",
    "known_token",
    "process_create_time",
    "read_records",
    "record_path",
    "remove_record",
    "running_servers",
    "write_record",
]
