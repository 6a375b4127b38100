"""The command line: `fld`. Reads arguments, calls a verb, prints its summary, and ends with its code."""

from __future__ import annotations

import io
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from engine.cluster import PlanError, RunError
from engine.ledger import BooksError
from engine.local import WorkerDied
from engine.lock import LockedError
from engine.records import RecordError
from engine.sources import SourceError
from engine.stage import ChainError
from engine.storage import Folder, StorageError
from pipelines import annotate as annotating
from pipelines import curate as curating
from pipelines import doctor as doctoring
from pipelines import evaluate as evaluating
from pipelines import fetch as fetching
from pipelines import ingest as ingesting
from pipelines import inspect as inspecting
from pipelines import pages, scoreboard
from pipelines import predict as predicting
from pipelines import refine as refining
from pipelines import run as running
from pipelines import train as training
from pipelines.chain import Runner
from pipelines.config import ConfigError, Params, load_params
from pipelines.report import FAILED, INTERRUPTED, LOCKED, TERMINATED, USAGE, Report

app = typer.Typer(
    help="Images in; scored, filtered and auditable annotations in Parquet out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Out = Annotated[str, typer.Argument(metavar="OUT", help="Folder or fsspec URL to write to.")]
ParamsFile = Annotated[
    Path | None, typer.Option("--params", help="Settings; default: ./params.yaml if there is one.", metavar="FILE")
]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="Which specialists: a bundled name or a path ending in .yaml.")
]
Address = Annotated[
    str | None, typer.Option("--address", help="Run on the Ray cluster at this address ('auto': the one here).")
]
OnRay = Annotated[bool, typer.Option("--ray", help="Run on Ray, started on this machine.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes; 0: as suits the work and this machine.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and its size; write nothing.")]
RetryFaults = Annotated[
    bool, typer.Option("--retry-faults", help="Try again what failed: unread files, failed specialists.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Annotate again what another profile or model has annotated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead.")]

WRONG_USAGE = (ConfigError, SourceError, ChainError, PlanError, RecordError)
FAILURES = (BooksError, RunError, WorkerDied, OSError)


@app.command()
def run(
    sources: Annotated[list[str], typer.Argument(metavar="SRC... OUT", help="Sources, and last the output.")],
    params: ParamsFile = None,
    profile: ProfileName = None,
    address: Address = None,
    ray: OnRay = False,
    workers: Workers = 0,
    retry_faults: RetryFaults = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Ingest, annotate and curate what is new: the command for a cron job."""
    given, out = _split(sources)

    def verb() -> Report:
        settings, runner = _params(params, profile), _runner(ray, address, workers)
        if dry_run:
            return running.dry_run(given, out, settings, runner)
        return running.run(
            given, out, settings, runner, workers=workers, retry_faults=retry_faults, agree=_agreeing(yes)
        )

    _end(verb, json)


@app.command()
def ingest(
    sources: Annotated[list[str], typer.Argument(metavar="SRC... OUT", help="Sources, and last the output.")],
    params: ParamsFile = None,
    workers: Workers = 0,
    retry_faults: RetryFaults = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Read images from folders, globs, lists, Parquet, tars or COCO json into image shards."""
    given, out = _split(sources)

    def verb() -> Report:
        settings = load_params(params).ingest
        listed = ingesting.list_sources(given, out, settings)
        return ingesting.ingest(
            listed, out, settings, sources=given, workers=workers, retry_faults=retry_faults, dry_run=dry_run
        )

    _end(verb, json)


@app.command()
def annotate(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="The output of fld ingest.")],
    out: Out,
    params: ParamsFile = None,
    profile: ProfileName = None,
    address: Address = None,
    ray: OnRay = False,
    workers: Workers = 0,
    retry_faults: RetryFaults = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Run the profile's specialists over image shards; every annotation is written, scored."""
    source, target, runner = Folder.at(images), Folder.at(out), _runner(ray, address, workers)

    def verb() -> Report:
        settings = _params(params, profile).annotate
        return annotating.annotate(
            source, target, settings, runner, dry_run=dry_run, retry_faults=retry_faults, agree=_agreeing(yes)
        )

    _end(verb, json)


@app.command()
def curate(
    raw: Annotated[str, typer.Argument(metavar="RAW", help="The output of fld annotate.")],
    out: Annotated[str | None, typer.Argument(metavar="OUT", help="Folder or fsspec URL to write to.")] = None,
    params: ParamsFile = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="ID", help="Each verdict on an image, named as for inspect.")
    ] = None,
    address: Address = None,
    ray: OnRay = False,
    workers: Workers = 0,
    retry_faults: RetryFaults = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Filter raw shards; every dropped annotation lands in rejects/ with its reason."""
    source, runner = Folder.at(raw), _runner(ray, address, workers)
    if explain:
        _end(lambda: curating.explain(source, load_params(params).curate, explain), json)
    if out is None:
        raise typer.BadParameter("give RAW and OUT, or RAW and --explain ID")
    target = Folder.at(out)

    def verb() -> Report:
        settings = load_params(params).curate
        return curating.curate(source, target, settings, runner, dry_run=dry_run, retry_faults=retry_faults)

    _end(verb, json)


@app.command()
def refine(
    standing: Annotated[str, typer.Argument(metavar="STANDING", help="The output of fld curate, or of a round.")],
    out: Out,
    model: Annotated[
        str, typer.Option("--model", help="The trained model: a folder, bundled:NAME, or a hub's owner/name.")
    ],
    truth: Annotated[
        str | None, typer.Option("--truth", help="What the gate measures by, as for fld evaluate; else similarities.")
    ] = None,
    params: ParamsFile = None,
    address: Address = None,
    ray: OnRay = False,
    workers: Workers = 0,
    retry_faults: RetryFaults = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """One round: the model looks again, its word is set against what stands, and a gate judges the outcome."""
    source, target, runner = Folder.at(standing), Folder.at(out), _runner(ray, address, workers)

    def verb() -> Report:
        settings = load_params(params).refine
        return refining.refine(
            source, target, model, settings, runner, truth=truth, dry_run=dry_run, retry_faults=retry_faults
        )

    _end(verb, json)


@app.command()
def inspect(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The output of any fld command.")],
    image: Annotated[
        str | None, typer.Option("--image", help="An image id or its beginning, a uri or its end.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show a dataset's books, or one of its records."""
    folder = Folder.at(out)
    _end(lambda: inspecting.inspect_image(folder, image) if image else inspecting.inspect(folder), json)


@app.command()
def evaluate(
    predictions: Annotated[str, typer.Argument(metavar="PRED", help="The output of any fld command.")],
    truth: Annotated[
        str, typer.Argument(metavar="TRUTH", help="A dataset with human annotations, or a source as for fld ingest.")
    ],
    file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write all figures there, by category too.")
    ] = None,
    json: Annotated[bool, typer.Option("--json-output", help="Print all figures as JSON instead of tables.")] = False,
) -> None:
    """Measure annotations against truth: COCO and VOC AP, grounding, masks, reading, objects named, label F1."""
    _end(lambda: evaluating.measure(Folder.at(predictions), truth, file), json)


@app.command()
def report(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The output of any fld command.")],
    images: Annotated[int, typer.Option("--images", min=0, max=500, help="In the gallery.")] = 48,
    figures: Annotated[
        list[Path] | None,
        typer.Option("--figures", metavar="FILE", help="Of fld evaluate --json; default: OUT/figures[-STEP].json."),
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="DIR", help="An earlier state of these images, to compare with.")
    ] = None,
    cpu_hour: Annotated[float, typer.Option("--cpu-hour", min=0, help="Its price, in any currency.")] = 0.0,
    gpu_hour: Annotated[float, typer.Option("--gpu-hour", min=0, help="Its price, in any currency.")] = 0.0,
    json: AsJson = False,
) -> None:
    """Write OUT/report.html: one file that shows a dataset, its books, its drops and a gallery."""
    options = pages.Options(images, cpu_hour, gpu_hour, figures or (), before)
    _end(lambda: pages.report(Folder.at(out), options), json)


@app.command()
def train(
    curated: Annotated[str, typer.Argument(metavar="CURATED", help="The output of fld curate.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder to write to, the same for all workers.")],
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings; default: those of --from.")
    ] = None,
    start: Annotated[
        str,
        typer.Option("--from", help="mini, tiny, base or large, a checkpoint's folder, bundled:NAME, or owner/name."),
    ] = "tiny",
    address: Address = None,
    ray: OnRay = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="On Ray, where more than one.")] = 1,
    json: AsJson = False,
) -> None:
    """Train the multitask model on curated shards; the same command goes on where a run ended."""
    source, target, runner = Folder.at(curated), Folder.at(out), _runner(ray or workers > 1, address, workers)
    _end(lambda: training.train(source, target, config, start, runner), json)


@app.command()
def predict(
    images: Annotated[str, typer.Argument(metavar="SHARDS", help="The output of fld ingest.")],
    out: Out,
    model: Annotated[
        str, typer.Option("--model", help="A multitask checkpoint: a folder, bundled:NAME, or a hub's owner/name.")
    ],
    beams: Annotated[int, typer.Option("--beams", min=1, help="1: greedy.")] = 1,
    calibrate: Annotated[
        str | None,
        typer.Option("--calibrate", metavar="HELDOUT", help="Fit scores to this output of fld curate first."),
    ] = None,
    params: ParamsFile = None,
    address: Address = None,
    ray: OnRay = False,
    gpus: Annotated[float, typer.Option("--gpus", min=0, help="That a worker asks a cluster for.")] = 0.0,
    workers: Workers = 0,
    retry_faults: RetryFaults = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Let one multitask model write all annotations of image shards; fld curate reads what it leaves."""
    source, target, runner = Folder.at(images), Folder.at(out), _runner(ray, address, workers)

    def verb() -> Report:
        settings, lines = load_params(params).annotate, list[str]()
        if calibrate and not dry_run:
            lines = predicting.calibrate(model, Folder.at(calibrate)).lines
        report = predicting.predict(
            source, target, model, settings, runner, beams=beams, gpus=gpus, dry_run=dry_run,
            retry_faults=retry_faults, agree=_agreeing(yes),
        )  # fmt: skip
        report.lines[:0] = lines
        return report

    _end(verb, json)


@app.command()
def fetch(
    weights: Annotated[
        list[str] | None, typer.Argument(metavar="[WEIGHTS]...", help="owner/name, or owner/name@revision.")
    ] = None,
    profiles: Annotated[
        list[str] | None, typer.Option("--profile", help="All that this profile names; may be given several times.")
    ] = None,
    repin: Annotated[bool, typer.Option("--repin", help="Take what a revision stands for now; pin that.")] = False,
    json: AsJson = False,
) -> None:
    """Fetch weights from a hub and pin them; without arguments, those of the profile in ./params.yaml."""

    def verb() -> Report:
        named = profiles or ([] if weights else [load_params(None).annotate.profile])
        return fetching.fetch_all(named, weights or [], repin=repin)

    _end(verb, json)


@app.command()
def doctor(
    profile: Annotated[str, typer.Option("--profile", help="Whose weights to look for.")] = "ocr",
    address: Address = None,
    out: Annotated[str, typer.Option("--out", help="Where output would go.")] = ".",
    json: AsJson = False,
) -> None:
    """Check environment, weights, cluster and disk, and say how to mend what is wrong."""
    _end(lambda: doctoring.doctor(profile, address=address, out=Folder.at(out)), json)


def _split(arguments: list[str]) -> tuple[list[str], Folder]:
    if len(arguments) < 2 or not all(arguments):
        raise typer.BadParameter("give at least one source and then the output: SRC... OUT")
    return arguments[:-1], Folder.at(arguments[-1])


def _params(path: Path | None, profile: str | None) -> Params:
    params = load_params(path)
    return replace(params, annotate=replace(params.annotate, profile=profile)) if profile else params


def _runner(ray: bool, address: str | None, workers: int) -> Runner:
    return Runner(ray or address is not None, address, workers)


def _agreeing(yes: bool) -> Callable[[str], bool]:
    """Whether work is to be done again: as was said beforehand, else, on a terminal, as is answered."""

    def agree(what: str) -> bool:
        if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return yes
        return typer.confirm(f"{what}. Do so?", err=True)

    return agree


def _end(verb: Callable[[], Report], json: bool) -> NoReturn:
    """Call the verb, say what it has to say, and end with its code."""
    try:
        report = verb()
    except LockedError as error:
        code, problems = LOCKED, [str(error)]
    except StorageError as error:
        # A full disk or a lost connection has an errno; a folder that is not what it should be has none.
        code, problems = FAILED if error.errno else USAGE, [str(error)]
    except WRONG_USAGE as error:
        code, problems = USAGE, [str(error)]
    except FAILURES as error:
        code, problems = FAILED, [str(error)]
    except KeyboardInterrupt as error:
        code = TERMINATED if isinstance(error, _Terminated) else INTERRUPTED
        problems = ["stopped; the same command goes on where this one ended"]
    else:
        code, problems = report.code, report.problems
        try:
            _print(report, json)
        except OSError as error:
            code, problems = code or FAILED, [*problems, f"the summary could not be printed: {error.strerror}"]
    for problem in problems:
        print(f"fld: {problem}", file=sys.stderr)
    raise typer.Exit(code)


def _print(report: Report, json: bool) -> None:
    if json:
        whole = report.command in ("inspect", "evaluate")
        print(inspecting.as_text(report.data if whole else report.as_json()), flush=True)
        return
    if report.command in ("inspect", "evaluate"):
        # Tables need some width: a narrow terminal wraps them, a pipe does not.
        width = max(shutil.get_terminal_size().columns, 100) if sys.stdout.isatty() else 200
        console = Console(width=width, soft_wrap=not sys.stdout.isatty())
        show = scoreboard.show if report.command == "evaluate" else inspecting.show
        (inspecting.show_image if "record" in report.data else show)(report, console)
    for line in report.lines:
        print(line)
    sys.stdout.flush()


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which schedulers send: ends a command as Ctrl-C does, its lock released."""


def _terminate(number: int, frame: object) -> NoReturn:
    raise _Terminated


def main() -> None:
    """The console script; its exit codes stand in the README."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    app()


if __name__ == "__main__":
    main()
