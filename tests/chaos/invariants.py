"""What must hold when a run is over, whatever happened in it: each a function that returns its complaints; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .asked import needless, read_asks
from .evidence import Evidence, Samples
from .plan import Shape
from .plugin.echo_model.answers import likelihood, text_answer

Check = Callable[[Evidence], Iterator[str]]
CHECKS: dict[str, Check] = {}


def _check(name: str) -> Callable[[Check], Check]:
    def enter(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return enter


# ------------------------------------------------------------------------------------------- jobs


@_check("every accepted submission has its job, and each key one")
def one_job_for_each_key(evidence: Evidence) -> Iterator[str]:
    """No answer named a second job, no job was made twice, and each key still finds what it was answered."""
    memory = evidence.memory
    for key, ids in memory.ids.items():
        if len(ids) > 1:
            yield f"{key} was answered with {len(ids)} jobs: {sorted(ids)}"
        if memory.created[key] > 1:
            yield f"{key} was said to be created {memory.created[key]} times"
        job_id, created = evidence.found[key]
        if created or ids != {job_id}:
            yield f"{key} was answered with {sorted(ids)}, at the end it {'makes' if created else 'finds'} {job_id}"


@_check("no job is lost, none is there twice")
def the_list_is_complete(evidence: Evidence) -> Iterator[str]:
    """The server lists exactly the jobs that were submitted."""
    listed = Counter(job["job_id"] for job in evidence.jobs)
    known = evidence.memory.known
    yield from (f"{key}: job {job_id} is not listed" for job_id, key in known.items() if job_id not in listed)
    yield from (f"job {job_id} is listed {count} times" for job_id, count in listed.items() if count > 1)
    yield from (f"job {job_id} was never submitted" for job_id in listed if job_id not in known)
    names = Counter(job["request"]["name"] for job in evidence.jobs)
    yield from (f"{name} has {count} jobs" for name, count in names.items() if count > 1)


@_check("every job is completed, or cancelled because a person said so")
def every_job_is_completed(evidence: Evidence) -> Iterator[str]:
    """Nothing failed, nothing still waits."""
    for job in evidence.jobs:
        who = f"{job['request']['name']} ({job['job_id']}, attempt {job['attempt']})"
        if job["status"] == "cancelled":
            if not evidence.memory.cancels.get(job["job_id"]):
                yield f"{who} is cancelled, and nobody asked for it"
        elif job["status"] != "completed":
            yield f"{who} is {job['status']}: {job['error']}"


@_check("a confirmed cancellation holds")
def confirmed_cancellations_hold(evidence: Evidence) -> Iterator[str]:
    """What was answered as cancelled is cancelled."""
    for job in evidence.jobs:
        if job["job_id"] in evidence.memory.aborted and job["status"] != "cancelled":
            yield f"{job['request']['name']} was confirmed as cancelled and is {job['status']}"


# ------------------------------------------------------------------------------------------- results


@_check("every sample is in the results exactly once")
def every_sample_once(evidence: Evidence) -> Iterator[str]:
    """Completed jobs have all samples, those told to finish early some, none has one twice."""
    for job in evidence.jobs:
        scores = evidence.scores.get(job["job_id"])
        shape = evidence.planned(job).shape
        who = f"{job['request']['name']} ({job['job_id']})"
        if scores is None:
            if job["status"] == "completed" or job["partial"]:
                yield f"{who} is {job['status']} without results"
            continue
        for task in shape.tasks:
            ids = Counter(sample["doc_id"] for sample in scores.samples.get(task, ()))
            wanted = set(range(shape.limit))
            if twice := sorted(doc_id for doc_id, count in ids.items() if count > 1):
                yield f"{who}: samples {twice} of {task} are there more than once"
            if strange := sorted(set(ids) - wanted):
                yield f"{who}: samples {strange} of {task} were not asked for"
            if not job["partial"] and (missing := sorted(wanted - set(ids))):
                yield f"{who}: samples {missing} of {task} are missing"


@_check("every answer is the model's, and that of a run in peace")
def answers_are_right(evidence: Evidence) -> Iterator[str]:
    """No answer belongs to another sample."""
    for job in evidence.jobs:
        scores = evidence.scores.get(job["job_id"])
        if scores is None:
            continue
        shape = evidence.planned(job).shape
        for sentence in _wrong(shape, scores.samples, evidence.reference[shape.name].samples):
            yield f"{job['request']['name']} ({job['job_id']}): {sentence}"


def _wrong(shape: Shape, samples: Samples, reference: Samples) -> Iterator[str]:
    for task, found in samples.items():
        expected = {sample["doc_id"]: sample for sample in reference.get(task, ())}
        for sample in found:
            doc_id = sample["doc_id"]
            peaceful = expected.get(doc_id, {})
            for field in ("filtered_resps", "target"):
                if not same(sample.get(field), peaceful.get(field)):
                    yield f"{task} {doc_id}: {field} is {sample.get(field)}, in peace {peaceful.get(field)}"
            if shape.model is None and not _echoes(task, sample):
                yield f"{task} {doc_id}: the echo model did not say {sample['filtered_resps']}"


def _echoes(task: str, sample: Mapping[str, Any]) -> bool:
    """Whether the answers are what the echo model says to this very request."""
    prompt = sample["input"]
    if task != "digits_choice":
        return bool(_flat(sample["filtered_resps"]) == [text_answer(task, sample["doc_id"], prompt)])
    wanted = [likelihood(task, sample["doc_id"], prompt, f" {digit}") for digit in range(10)]
    return same([value for value in map(_number, _flat(sample["filtered_resps"])) if value is not None], wanted)


@_check("scores are those of a run in peace")
def scores_are_those_of_peace(evidence: Evidence) -> Iterator[str]:
    """Metrics of completed jobs, with their standard errors and numbers of samples."""
    for job in evidence.jobs:
        scores = evidence.scores.get(job["job_id"])
        if job["status"] != "completed" or scores is None:
            continue
        wanted = evidence.reference[evidence.planned(job).shape.name].metrics
        if not same(scores.metrics, wanted):
            yield f"{job['request']['name']} ({job['job_id']}): {scores.metrics}, in peace {wanted}"


@_check("the model is not asked again what it has answered")
def nothing_is_asked_again(evidence: Evidence) -> Iterator[str]:
    """Only the chunk that a fault cut may be asked again, and a line of the journal that garbage ran into."""
    for job in evidence.jobs:
        shape = evidence.planned(job).shape
        excess = needless(read_asks(evidence.asked_by(job)), shape.ranks, shape.requests)
        if excess > evidence.memory.garbage[str(job["job_dir"])]:
            yield f"{job['request']['name']} ({job['job_id']}): {excess} requests were asked again without need"


# ------------------------------------------------------------------------------------------- what is left


@_check("the server ends only when it is told to, and comes back")
def no_incidents(evidence: Evidence) -> Iterator[str]:
    """What the harness saw with its own eyes."""
    yield from evidence.memory.incidents


@_check("the server never blames itself")
def no_server_errors(evidence: Evidence) -> Iterator[str]:
    """No answer with a status of 500 and above, but for what a stopping server refuses."""
    yield from (text for text in evidence.memory.server_errors if " answered 503" not in text)


@_check("no process is left")
def no_process_is_left(evidence: Evidence) -> Iterator[str]:
    """Nothing of the run lives."""
    yield from evidence.processes


@_check("no device is held")
def no_device_is_held(evidence: Evidence) -> Iterator[str]:
    """All locks are free."""
    yield from (f"{device} is {how}" for device, how in evidence.devices.items())


@_check("the state directory can be used again, and its database is sound")
def the_state_is_sound(evidence: Evidence) -> Iterator[str]:
    """The next server could start."""
    yield from (text for text in (evidence.state_dir, evidence.database) if text)


# ------------------------------------------------------------------------------------------- comparing


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are equal; numbers, also those in texts, up to the last bits of a sum."""
    if isinstance(theirs, Mapping):
        return (
            isinstance(ours, Mapping) and ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
        )
    if isinstance(theirs, Sequence) and not isinstance(theirs, str):
        return isinstance(ours, Sequence) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    mine, other = _number(ours), _number(theirs)
    if mine is None or other is None:
        return bool(ours == theirs)
    return math.isclose(mine, other, rel_tol=1e-6, abs_tol=1e-6) or mine is other or (mine != mine and other != other)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]
