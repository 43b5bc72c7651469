"""Runs one rank of an attempt, from the spec to the outcome."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from .. import importing
from ..protocol.jobs import SampleCount
from ..protocol.redaction import scrub, secrets_of
from ..protocol.run import EXIT_DISK_FULL, RunFiles, RunOutcome, RunSpec
from ..protocol.secrets import secret_fields
from . import startup
from .events import EventLog, Phases
from .failure import failure_of
from .gpu_memory import promised_part, take_no_more_than
from .records import write_atomically
from .resident import Resident
from .spec import read_spec


class Evaluation:
    """One rank of one attempt.

    Parameters
    ----------
    files
        The job's files.
    spec
        What is to be run.
    rank
        Which of the attempt's processes this is.
    began
        When it began, by ``time.monotonic``.
    resident
        What this process keeps of its evaluations.
    """

    def __init__(self, files: RunFiles, spec: RunSpec, rank: int, began: float, resident: Resident) -> None:
        from .finishing import Finishing
        from .journal import Journal
        from .progress import SampleCounter
        from .turns import Turns

        self.files = files
        self.spec = spec
        self.rank = rank
        self.resident = resident
        self.events = EventLog(files.events, spec.attempt, rank)
        self.phases = Phases(self.events, began)
        self.counter = SampleCounter()
        self.journal = Journal(files.journal)
        shared = files.job_dir / f"turns-{spec.attempt}" if spec.ranks > 1 else None
        self.turns = Turns(files.finish, shared)
        self.finishing = Finishing(self.turns, self.counter)
        self.errors_logged = _none_logged

    def run(self) -> RunOutcome:
        """Evaluate; whatever is raised is the reason of the failure."""
        self.phases.enter("starting")
        with importing.undisturbed():
            startup.apply()
            from lmms_eval import evaluator, utils
            from lmms_eval.tasks import TaskManager

            from . import upstream_fixes
            from .answering import Answering
            from .instruments import Instruments
            from .options import match_tasks, namespace_for
            from .saving import model_name_of, tracker_for
            from .task_cache import TaskCache

        request = self.spec.request
        output = self.files.output(self.spec.attempt)
        output.mkdir(parents=True, exist_ok=True)
        options = namespace_for(self.spec, str(output))
        self.errors_logged = upstream_fixes.plain_log(request.verbosity)
        upstream_fixes.apply()
        limits = upstream_fixes.LimitPerTask(request.limit, request.offset, self._planned)
        if self.spec.keep:
            TaskCache().install()
        manager = TaskManager(request.verbosity, include_path=options.include_path, model_name=request.model)
        tasks = match_tasks(request.tasks, manager.all_tasks)
        accelerator = self._join_ranks()
        if (part := promised_part(self.spec)) is not None:
            take_no_more_than(part)
        self.answering = Answering(
            self.journal, self.counter, self.events, self.phases, self.errors_logged, self.spec.attempt, self.turns
        )
        instruments = Instruments(
            self.spec, self.phases, self.answering, accelerator, self.resident, self.finishing.leave_out_incomplete
        )
        tracker = tracker_for(str(output), model_name_of(request.model_args, request.model))
        stamp = utils.get_datetime_str(timezone=options.timezone)
        with (
            limits.applied(),
            instruments.installed(),
            self.resident.loop.in_place(),
            self.resident.datasets.in_place(),
        ):
            results = evaluator.simple_evaluate(
                model=options.model,
                model_args=options.model_args,
                tasks=tasks,
                num_fewshot=options.num_fewshot,
                batch_size=options.batch_size,
                max_batch_size=options.max_batch_size,
                device=options.device,
                use_cache=options.use_cache,
                limit=options.limit,
                offset=options.offset,
                check_integrity=options.check_integrity,
                write_out=options.write_out,
                log_samples=options.log_samples,
                evaluation_tracker=tracker,
                system_instruction=options.system_instruction,
                apply_chat_template=options.apply_chat_template,
                fewshot_as_multiturn=options.fewshot_as_multiturn,
                gen_kwargs=options.gen_kwargs,
                task_manager=manager,
                verbosity=options.verbosity,
                predict_only=options.predict_only,
                random_seed=options.seed[0],
                numpy_random_seed=options.seed[1],
                torch_random_seed=options.seed[2],
                fewshot_random_seed=options.seed[3],
                cli_args=options,
                datetime_str=stamp,
                distributed_executor_backend="accelerate" if accelerator is None else "torchrun",
                force_simple=options.force_simple,
                launcher_args=options.launcher_args,
                repeats=options.repeats,
                baseline=options.baseline,
                max_tokens=options.max_tokens,
                process_docs_parallel=options.process_docs_parallel,
                **evaluator.request_caching_arg_to_dict(cache_requests=options.cache_requests),
            )
        if results is None:  # only rank 0 has them
            return RunOutcome(status="ok", timings=self.phases.timings(), errors_logged=self.errors_logged())
        limits.correct(results, self.finishing.scored)
        outcome = self._saved(tracker, results, stamp, keep_samples=options.log_samples)
        outcome.versions["adapter"] = instruments.adapter
        return outcome

    def _join_ranks(self) -> Any:
        """Form the process group of several ranks, as lmms-eval's command line does."""
        if self.spec.ranks == 1:
            return None
        from accelerate import Accelerator
        from accelerate.utils import InitProcessGroupKwargs

        from .rendezvous import agree_on_port
        from .upstream_fixes import PEER_TIMEOUT

        agree_on_port(self.files.job_dir, self.spec.attempt, self.rank)
        return Accelerator(kwargs_handlers=[InitProcessGroupKwargs(timeout=PEER_TIMEOUT)])

    def _planned(self, task: Any) -> None:
        """A task's requests are built."""
        from .digests import digest

        self.finishing.plan(task)
        name = str(task.config.task)
        self.answering.task_digests[name] = digest(task.dump_config())
        self.events.plan(name, self.counter.plan(name, task.instances))

    def _saved(self, tracker: Any, results: dict[str, Any], stamp: str, *, keep_samples: bool) -> RunOutcome:
        from .saving import copy_to, save
        from .score_table import score_table

        self.phases.enter("saving")
        if known := secrets_of({}, *secret_fields(self.spec.request)):
            results = scrub(results, known)
        samples = results.pop("samples", None)
        saved = save(tracker, results, samples if keep_samples else None, stamp)
        if self.spec.request.output_dir:
            saved = copy_to(saved, Path(self.spec.request.output_dir).expanduser(), self.spec.job_id[:8])
        print(score_table(results))
        if "groups" in results:
            print(score_table(results, "groups"))
        return RunOutcome(
            status="ok",
            results_path=str(saved.results),
            samples_paths=[str(path) for path in saved.samples],
            n_samples={task: SampleCount.model_validate(counts) for task, counts in results["n-samples"].items()},
            timings=self.phases.timings(),
            versions=self._versions(results),
            errors_logged=self.errors_logged(),
            partial=self.finishing.partial,
        )

    @staticmethod
    def _versions(results: dict[str, Any]) -> dict[str, Any]:
        versions: dict[str, Any] = {"tasks": dict(results.get("versions", {}))}
        for package in ("lmms_eval", "torch", "transformers"):
            versions[package] = _version(package)
        return versions

    def report_end(self, outcome: RunOutcome) -> None:
        """Report the last of what happened; the outcome itself is written after it."""
        if errors := self.errors_logged():
            self.events.progress(dict(self.counter.done), errors, force=True)
            self.events.notice(
                f"{errors} error{'s were' if errors > 1 else ' was'} only written to the log; "
                "answers may be missing and the scores too low"
            )
        if outcome.status == "ok":
            self.phases.enter("done")


@cache
def _version(package: str) -> str:
    return importlib.metadata.version(package)


def _none_logged() -> int:
    return 0


def evaluate(job_dir: str, attempt: int, began: float, talk: int | None = None, *, forked: bool = False) -> NoReturn:
    """Run the rank named by ``RANK`` to its end, and others after it while this process may stay; then end it.

    Parameters
    ----------
    job_dir
        The job's directory, with its ``spec.json``.
    attempt
        Which attempt at the job this is.
    began
        When the process began, by ``time.monotonic``.
    talk
        Descriptor by which it talks with its supervisor when it stays; None if it is not to stay.
    forked
        Whether the process was forked from a template, which wants to know what had to be imported still.
    """
    resident = Resident(talk, frozenset(sys.modules) if forked else None)
    while True:
        files = RunFiles(job_dir)
        spec = read_spec(files, attempt)
        another = resident.next_attempt(_attempt(files, spec, began, resident), may_stay=spec.keep)
        job_dir, attempt, began = another.job_dir, another.attempt, time.monotonic()


def _attempt(files: RunFiles, spec: RunSpec, began: float, resident: Resident) -> int:
    rank = int(os.environ.get("RANK", "0"))
    evaluation: Evaluation | None = None
    try:
        evaluation = Evaluation(files, spec, rank, began, resident)
        outcome = evaluation.run()
        outcome.imported = resident.newly_imported()
    except BaseException as error:  # noqa: BLE001  (tasks call sys.exit)
        secrets = secrets_of(os.environ, *secret_fields(spec.request))
        failure = failure_of(error, secrets, str(files.log))
        print(failure.traceback, file=sys.stderr)
        outcome = RunOutcome(status="failed", failure=failure)
        if evaluation is not None:
            outcome.timings, outcome.errors_logged = evaluation.phases.timings(), evaluation.errors_logged()
    if evaluation is not None:
        evaluation.report_end(outcome)
    try:
        write_atomically(files.outcome(spec.attempt, rank), outcome.model_dump_json(indent=1))
    except OSError as error:
        print(f"the outcome ({outcome.status}) could not be written: {error}", file=sys.stderr)
        return EXIT_DISK_FULL
    return 0 if outcome.status == "ok" else 1
