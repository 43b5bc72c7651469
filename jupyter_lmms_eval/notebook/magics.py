"""The magics: parse, call, show."""

from __future__ import annotations

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from . import commands
from .configs import read_configs
from .failing import one_line
from .job import JobHandle, JobHandles
from .job_commands import add_submission, send
from .parsing import HelpAsked, MagicParser, split


@magics_class
class LmmsEvalMagics(Magics):  # type: ignore[misc]
    """The magics of this package."""

    @line_magic  # type: ignore[untyped-decorator]
    def lmms_eval_server(self, line: str) -> object:
        """Run a subcommand; the help below is made of the parsers."""
        try:
            with one_line():
                return commands.run(self.shell, split(line))
        except HelpAsked as asked:
            print(asked)
            return None

    @cell_magic  # type: ignore[untyped-decorator]
    def lmms_eval_job(self, line: str, cell: str) -> JobHandle | JobHandles | None:
        """Submit lmms-eval's YAML; the help below is made of the parser."""
        try:
            with one_line():
                args = _cell_parser().parse_all(split(line))
                configs = read_configs(cell)
                handles = JobHandles(send(self.shell, *config, new=args.new) for config in configs)
                if args.wait:
                    handles.wait()
                shown = handles[0] if len(handles) == 1 else handles
                if args.into:
                    self.shell.push({args.into: shown})
                return shown
        except HelpAsked as asked:
            print(asked)
            return None

    lmms_eval_server.__doc__ = commands.overview()


def _cell_parser() -> MagicParser:
    parser = MagicParser(
        prog="%%lmms_eval_job",
        description="Submit what the cell says, in lmms-eval's YAML: model, model_args, tasks, batch_size, limit, ...; "
        "a list of such configurations is as many jobs.",
    )
    add_submission(parser)
    parser.add_argument("--into", metavar="NAME", help="Variable that receives the job, or the list of them")
    return parser


LmmsEvalMagics.lmms_eval_job.__doc__ = _cell_parser().format_help()
