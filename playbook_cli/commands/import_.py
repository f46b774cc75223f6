"""`playbook import`: other tools' runs as a study that every other verb reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.options import Json
from playbook_cli.importing.sources import READERS
from playbook_cli.records import Goal

if TYPE_CHECKING:
    from playbook_cli.importing.importing import Study
    from playbook_cli.storage.store import Store


def import_(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Folder, CSV table or storage URL.")],
    into: Annotated[Path, typer.Option("--into", metavar="RUNS/NAME", help="Folder of the new study.")],
    kind: Annotated[
        str | None,
        typer.Option("--format", help=f"{', '.join(READERS)}; by default detected from SOURCE."),
    ] = None,
    params: Annotated[
        str | None, typer.Option("--params", metavar="GLOB", help="Files with hyperparameters, inside SOURCE.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", metavar="GLOB", help="Files with evaluations, inside SOURCE.")
    ] = None,
    step: Annotated[str | None, typer.Option("--step", metavar="FIELD", help="Field that counts steps.")] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="NAME", help="Metric that the study optimizes.")
    ] = None,
    goal: Annotated[
        Goal | None, typer.Option("--goal", help="Whether lower or higher values of the metric are better.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            "--study", metavar="STUDY.YAML", help="Study file that describes the search space; by default inferred."
        ),
    ] = None,
    scientific: Annotated[
        list[str] | None, typer.Option("--scientific", metavar="NAME", help="Scientific hyperparameter.")
    ] = None,
    hyperparameter: Annotated[
        list[str] | None,
        typer.Option(
            "--hyperparameter",
            metavar="NAME",
            help="Setting to treat as a hyperparameter; all others are then ignored.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="NAME", help="Setting or column to leave out.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Study or experiment to read, if SOURCE has several.")
    ] = None,
    max_train_steps: Annotated[
        int | None,
        typer.Option(
            "--max-train-steps", min=1, help="Training steps per trial; by default the last step of any trial."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Import runs of other tools as a study.

    `report` and all other verbs can read it. Files belong to the same trial if the wildcards of --params and --metrics
    match the same text.

    Example:  playbook import logs --into runs/theirs --params 'trial_*/hparams.json' --metrics 'trial_*/eval.csv'
    """
    from playbook_cli import __version__
    from playbook_cli.importing import importing, sources, writing
    from playbook_cli.importing.runs import Ask
    from playbook_cli.spec.load import load
    from playbook_cli.storage.store import Store

    writing.refuse_existing(into)
    wish = importing.Wish(
        name=into.name,
        metric=metric,
        goal=goal,
        study=load(study)[0] if study else None,
        scientific=scientific or (),
        hyperparameters=hyperparameter or (),
        ignored=ignore or (),
        max_train_steps=max_train_steps,
    )
    ask = Ask(
        source=source,
        params=params,
        metrics=metrics or (),
        step=step,
        metric=metric or (wish.study.metric.name if wish.study else None),
        hyperparameters=hyperparameter or (),
        ignored=ignore or (),
        name=name,
    )
    made = importing.study(sources.read(ask, kind), wish)
    writing.write(made, into, {"command": ["playbook", *sys.argv[1:]], "version": __version__})
    _answer(made, Store(into), json=json)


def _answer(study: Study, store: Store, *, json: bool) -> None:
    from playbook_cli.acts import command
    from playbook_cli.commands.output import advise, console, print_json
    from playbook_cli.commands.summary import as_json, sentences
    from playbook_cli.wording import visible

    record = store.record()
    if json:
        found = as_json(record.name, record.metric, record.trials, record.planned)
        print_json(found | {"points": study.points, "notes": list(study.notes)})
        return
    for note in study.notes:
        print(visible(f"playbook: {note}"), file=sys.stderr)
    out = console()
    for line in sentences(record.name, record.metric, record.trials, record.planned):
        out.print(line)
    repeats = len(study.trials) - study.points
    if repeats:
        out.print(f"{study.points} different points; {repeats} trials repeat one of them")
    for role, parameters in (("scientific", study.spec.scientific), ("nuisance", study.spec.nuisance)):
        for label, alternatives in parameters.items():
            shown = [_shown(given.model_dump(exclude_unset=True)) for given in alternatives]
            out.print(f"  {role} {label}: {', '.join(shown)}")
    out.print(f"  max_train_steps: {study.spec.max_train_steps}")
    advise(out, f"analyse it: {command('report', store.paths.dir)}")


def _shown(given: dict[str, Any]) -> str:
    if "values" in given:
        shown = " | ".join(str(value) for value in given["values"])
    else:
        shown = f"{given.get('min'):g} to {given.get('max'):g}, {given.get('scale', 'linear')}"
    conditions = [f"{other} = {' | '.join(map(str, values))}" for other, values in given.get("when", {}).items()]
    return f"{shown} (if {', '.join(conditions)})" if conditions else shown
