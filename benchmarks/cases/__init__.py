"""The cases, each of which measures one thing that a user waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..effort import Effort
from ..figures import Figure
from ..servers import Servers
from . import catalog, chunks, first_job, full_set, jobs_in_a_row, lab, polling, samples, start, submitting

Measure = Callable[[Servers, Effort], list[Figure]]

# In the order of the table.
CASES: Mapping[str, Measure] = {
    module.CASE: module.measure
    for module in (jobs_in_a_row, first_job, start, catalog, submitting, polling, samples, lab, full_set, chunks)
}
