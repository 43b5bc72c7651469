"""Jobs that a server finds when it starts: none of them can run, so that only the tests change them."""

from __future__ import annotations

from pathlib import Path

from jupyter_lmms_eval.engine.clock import now
from jupyter_lmms_eval.engine.job_card import JobCard
from jupyter_lmms_eval.engine.state_dir import StateDir
from jupyter_lmms_eval.engine.store import JobStore
from jupyter_lmms_eval.protocol.jobs import EvaluateRequest, JobInfo, JobStatus


def waiting_jobs(state_dir: Path, count: int, **wanted: object) -> list[str]:
    """Leave jobs behind that wait for more devices than there are; return their ids, the oldest first."""
    state = StateDir(state_dir)
    store = JobStore(state.database)
    cards = []
    for number in range(1, count + 1):
        folder = state.jobs / f"waiting-{number}"
        folder.mkdir(parents=True)
        request = EvaluateRequest.model_validate({"model": "dummy", "tasks": ["digits_read"], "num_gpus": 64, **wanted})
        info = JobInfo(
            job_id=f"00000000-0000-4000-8000-{number:012}",
            status=JobStatus.QUEUED,
            created_at=now(),
            request=request,
            job_dir=str(folder),
            revision=number,
        )
        cards.append(JobCard(seq=number, info=info))
    store.restore(cards)
    store.close()
    state.close()
    return [card.info.job_id for card in cards]
