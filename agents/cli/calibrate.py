"""`calibrate`: what the confidence is worth, what a refit would make of it, and publishing one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import Home, Json, clock, opened
from agents.cli.out import console, percent, print_json, safe, table
from store.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.calibrators import Fitted, Report
    from store.engine import Store
    from store.evidence.calibration_quality import Quality
    from store.reports.health import CalibrationView


@dataclass(frozen=True, slots=True)
class Looked:
    """One model: its labels, the calibrator in force, and the refit if the labels suffice."""

    model: str
    labels: int
    wrong: int
    simulated: int  # left out, unless asked for
    in_force: "Fitted | None"
    refit: "Fitted | None"
    is_published: bool = False

    @property
    def progress(self) -> str:
        """Return how far the labels are: `37 of 200 labels`."""
        from store.evidence.calibration import progress

        return progress(self.labels, self.wrong)


def calibrate(
    model: Annotated[str | None, typer.Option(help="Only this model; else each of them.")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Store the refit: it gives every confidence then.")
    ] = False,
    person: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="A manager or admin, to publish.")
    ] = None,
    with_simulated: Annotated[
        bool,
        typer.Option("--with-simulated", help="Also labels of simulated reviewers; a demo only."),
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Judge the confidence against labels, before and after a refit; with --publish, store it.

    Exit 1 while no model asked for has enough labels. Publishing changes what a confidence means:
    a threshold says something else by it, and a certificate must be earned anew.
    """
    if publish and person is None:
        raise typer.BadParameter("--publish needs --as NAME.")
    with opened(home, urgent=publish) as store:
        found = _look(store, model, with_simulated=with_simulated)
        if publish and person is not None:
            found = _publish(store, found, person)
    is_ok = any(one.refit is not None for one in found)
    if as_json:
        print_json({"ok": is_ok, "models": [_as_json(one) for one in found]})
    else:
        for one in found:
            _print(one)
        if not found:
            typer.echo("No labels yet, so there is nothing to calibrate: 0 of 200 labels.")
    if not is_ok:
        raise typer.Exit(1)


def _look(store: "Store", model: str | None, *, with_simulated: bool) -> list[Looked]:
    from store.reports.health import health

    if with_simulated:
        _require_demo(store)
    known = store.read(health, now=clock()).calibration
    wanted = [view for view in known if model in (None, view.model)]
    if model is not None and not wanted:
        names = ", ".join(f"`{view.model}`" for view in known) or "none yet"
        raise BadInput(f"No draft was made by a model called `{model}`. Models here: {names}.")
    return [_look_at(store, view, with_simulated=with_simulated) for view in wanted]


def _require_demo(store: "Store") -> None:
    from store import registry

    company = store.read(registry.company)
    if company is None or not company.is_demo:
        raise BadInput(
            "Labels of simulated reviewers are no evidence: --with-simulated is for a demo company."
        )


def _look_at(store: "Store", view: "CalibrationView", *, with_simulated: bool) -> Looked:
    from agents.calibrating import refit
    from store import calibrators, labels

    old = store.read(calibrators.active, view.model)
    rows = store.read(labels.training_rows, view.model, with_simulated=with_simulated)
    return Looked(
        model=view.model,
        labels=len(rows.is_right),
        wrong=rows.is_right.count(False),
        simulated=view.simulated,
        in_force=old,
        refit=refit(view.model, rows, old, with_simulated=with_simulated, now=clock()),
    )


def _publish(store: "Store", found: "Sequence[Looked]", person: str) -> list[Looked]:
    from dataclasses import replace

    from store import calibrators

    done = []
    for one in found:
        is_new = one.refit is not None and store.transact(
            calibrators.publish, one.refit, person=person, now=clock()
        )
        done.append(replace(one, is_published=is_new))
    return done


def _as_json(one: Looked) -> dict[str, Any]:
    made, old = one.refit, one.in_force
    report = made.report if made else None
    return {
        "model": one.model,
        "labels": one.labels,
        "wrong": one.wrong,
        "simulated": one.simulated,
        "progress": one.progress,
        "in_force": old and {"version": old.version, "is_demo": old.is_demo},
        "refit": made and {"version": made.version, "is_demo": made.is_demo},
        "report": report and report.model_dump(mode="json"),
        "published": one.is_published,
    }


def _print(one: Looked) -> None:
    screen = console()
    apart = "" if one.refit is not None and one.refit.is_demo else _left_out(one.simulated)
    screen.print(safe(f"{one.model}: {one.progress}{apart}"))
    old, made = one.in_force, one.refit
    screen.print(safe(f"In force: {old.version if old else 'none, so a person gets every draft'}"))
    if made is None or made.report is None:
        screen.print(safe("Too few labels for a refit: nothing was fitted, nothing was published."))
        return
    report = made.report
    columns = ("confidence", "#labels", "#wrong", "#ECE", "#Brier", "#AUROC")
    screen.print(table("", columns, _rows(report)))
    screen.print(safe(_verdict(report)))
    if made.is_demo:
        screen.print("Fitted on simulated reviewers' labels: for the demo, and never evidence.")
    if one.is_published:
        screen.print(safe(f"{made.version} is in force for drafts made from now on."))
        screen.print("Confidence means something else by it: certificates must be earned anew.")
    else:
        screen.print(safe(f"Not published ({report.map_name} map). To do so: --publish --as NAME"))


def _left_out(simulated: int) -> str:
    return f" ({simulated:,} by simulated reviewers are left out)" if simulated else ""


def _rows(report: "Report") -> list[tuple[str, ...]]:
    before, same = report.before, report.after_on_same
    if before is None or same is None:
        return [_row("refit, held out", report.after)]
    rows = [_row("in force, on labels it never saw", before), _row("refit, held out", same)]
    if report.after.labels > same.labels:
        rows.append(_row("refit, held out, all labels", report.after))
    return rows


def _row(name: str, found: "Quality") -> tuple[str, ...]:
    scores = ("-" if one is None else f"{one:.3f}" for one in (found.brier, found.auroc))
    return (name, f"{found.labels:,}", f"{found.wrong:,}", percent(found.ece), *scores)


def _verdict(report: "Report") -> str:
    gain = report.gain
    if report.before_version is None:
        return "There is no calibrator to compare with."
    if gain is None:
        return "Too few labels since the one in force was fitted (under 30) to compare the two."
    reach = f"Brier score {-gain.mean:+.4f} ({-gain.high:+.4f} to {-gain.low:+.4f})"
    if not gain.is_clear:
        return f"No clear difference between the two: {reach}."
    return f"The refit is {'better' if gain.mean > 0 else 'worse'}: {reach}."


def add_to(app: typer.Typer) -> None:
    """Register this group's command."""
    app.command()(calibrate)
