"""`greenlight calibrate`: judged before it is published, versioned, and each model by itself."""

from datetime import timedelta
from threading import Event, current_thread

import builders
import calibrated
import pytest
from builders import MODEL, NOW
from cli_runner import document, greenlight
from labelled import labelled
from sqlalchemy import select
from sqlmodel import Session, col

from agents.calibrating import CalibrationSource, in_background, refit, refit_if_due
from store import calibrators, labels
from store.engine import Store
from store.errors import BadInput, NotAllowed
from store.schema import AuditEntry

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def shop(store: Store) -> Store:
    """A real company: simulated labels and demo calibrators count for nothing here."""
    store.transact(builders.company, is_demo=False)
    return store


def _versions(store: Store) -> list[str]:
    return [one.version for one in store.read(calibrators.versions, MODEL)]


def _entries(session: Session) -> list[tuple[str, str]]:
    rows = session.execute(select(AuditEntry).where(col(AuditEntry.tag) == "calibrator:saved"))
    return [(entry.actor, entry.subject) for entry in rows.scalars()]


def test_too_few_labels_say_how_far_they_are_and_publish_nothing(shop: Store) -> None:
    shop.transact(labelled, 37)
    (local,) = document("calibrate", "--publish", "--as", "Mo", code=1)["models"]
    assert (local["progress"], local["refit"]) == ("37 of 200 labels", None)
    assert not local["published"]
    assert "37 of 200 labels" in greenlight("calibrate", code=1).stdout
    assert _versions(shop) == []


def test_a_look_shows_held_out_quality_and_changes_nothing(shop: Store) -> None:
    shop.transact(labelled, 400)
    shown = document("calibrate")
    (local,) = shown["models"]
    after = local["report"]["after"]
    assert shown["ok"]
    assert (local["labels"], local["in_force"], local["published"]) == (400, None, False)
    assert after["labels"] == 400
    assert sum(one["n"] for one in after["bins"]) == 400
    assert 0.75 < after["auroc"] < 0.95
    assert 0 < after["ece"] < 0.1
    assert local["report"]["before"] is None
    assert (_versions(shop), shop.read(_entries)) == ([], [])


def test_a_manager_publishes_a_version_that_is_in_force_and_on_the_trail(shop: Store) -> None:
    shop.transact(labelled, 300)
    (local,) = document("calibrate", "--publish", "--as", "Mo")["models"]
    version = local["refit"]["version"]
    found = shop.read(calibrators.active, MODEL)
    assert found is not None
    assert (found.version, found.fitted_by, found.is_demo, local["published"]) == (
        *(version, "Mo", False),
        True,
    )
    assert found.report is not None
    assert found.report.model_dump(mode="json") == local["report"]
    assert shop.read(_entries) == [("Mo", f"model:{MODEL}")]
    assert CalibrationSource(shop, MODEL).current().version == version

    (again,) = document("calibrate", "--publish", "--as", "Mo")["models"]
    assert _versions(shop) == [again["refit"]["version"], version], "each refit has its own name"
    assert shop.read(calibrators.by_version, version) == found, "and changes none of before"


def test_an_operator_may_not_publish_and_publishing_needs_a_name(shop: Store) -> None:
    shop.transact(labelled, 220)
    result = greenlight("calibrate", "--publish", "--as", "Ana", code=1)
    assert "needs manager or admin" in result.stderr
    assert "--as" in greenlight("calibrate", "--publish", code=2).stderr
    assert _versions(shop) == []


def test_the_one_in_force_is_judged_only_on_labels_given_since_and_beside_the_refit(
    shop: Store,
) -> None:
    shop.transact(labelled, 250, seed=1, at=NOW - timedelta(days=9))
    rows = shop.read(labels.training_rows, MODEL)
    old = refit(MODEL, rows, None, now=NOW - timedelta(days=8))
    assert old is not None
    shop.transact(calibrators.save, old, now=NOW - timedelta(days=8))
    said = greenlight("calibrate").stdout
    assert "under 30" in said
    assert "--publish --as NAME" in said

    shop.transact(labelled, 400, seed=2, slope=-2.0, at=NOW)  # the signal has turned round
    report = document("calibrate")["models"][0]["report"]
    before, same = report["before"], report["after_on_same"]
    assert (before["labels"], same["labels"], report["after"]["labels"]) == (400, 400, 650)
    assert before["auroc"] < 0.5 < same["auroc"]
    assert report["gain"]["low"] > 0


def test_each_model_has_its_own(shop: Store) -> None:
    shop.transact(labelled, 220)
    shop.transact(labelled, 12, model="claude")
    assert not document("calibrate", "--model", "claude", code=1)["ok"]
    assert "`claude`" in greenlight("calibrate", "--model", "gpt", code=1).stderr
    found = document("calibrate", "--publish", "--as", "Mo")["models"]
    shown = {one["model"]: one for one in found}
    assert shown["claude"]["progress"] == "12 of 200 labels"
    assert shown[MODEL]["published"]
    assert shop.read(calibrators.active, "claude") is None


def test_no_label_at_all_is_told(shop: Store) -> None:
    assert document("calibrate", code=1) == {"ok": False, "models": []}
    assert "0 of 200 labels" in greenlight("calibrate", code=1).stdout


def test_simulated_reviewers_calibrate_a_demo_only_and_the_result_is_marked(store: Store) -> None:
    store.transact(labelled, 300, is_simulated=True)
    (left_out,) = document("calibrate", code=1)["models"]
    assert (left_out["labels"], left_out["simulated"]) == (0, 300)
    assert "300 by simulated reviewers are left out" in greenlight("calibrate", code=1).stdout
    said = greenlight("calibrate", "--with-simulated", "--publish", "--as", "Mo").stdout
    assert "never evidence" in said
    found = store.read(calibrators.active, MODEL)
    assert found is not None
    assert found.is_demo
    assert found.report is not None
    assert found.report.with_simulated


def test_simulated_reviewers_never_calibrate_a_real_company(shop: Store) -> None:
    shop.transact(labelled, 300, is_simulated=True)
    assert "demo company" in greenlight("calibrate", "--with-simulated", code=1).stderr
    assert document("calibrate", code=1)["models"][0]["labels"] == 0
    assert not refit_if_due(shop, MODEL, days=1, now=NOW)
    rows = shop.read(labels.training_rows, MODEL, with_simulated=True)
    smuggled = refit(MODEL, rows, None, with_simulated=True, now=NOW)
    assert smuggled is not None
    with pytest.raises(BadInput, match="no evidence"):
        shop.transact(calibrators.publish, smuggled, person="Mo", now=NOW)
    with pytest.raises(NotAllowed):
        shop.transact(calibrators.publish, smuggled, person="Ana", now=NOW)
    assert _versions(shop) == []


def test_the_shipped_demo_calibrator_is_judged_on_every_label_here(store: Store) -> None:
    store.transact(calibrated.calibrator)
    store.transact(labelled, 240)
    report = document("calibrate")["models"][0]["report"]
    assert report["before_version"] == calibrated.CALIBRATOR
    assert report["before"]["labels"] == report["after_on_same"]["labels"] == 240
    assert report["before"]["auroc"] == 0.5, "it knows none of these signals"


def _source(store: Store, days: float) -> CalibrationSource:
    return CalibrationSource(store, MODEL, recalibrate_days=days, start=lambda work: work())


def test_the_first_calibrator_is_fitted_as_soon_as_the_labels_suffice(shop: Store) -> None:
    shop.transact(labelled, 150)
    assert _source(shop, 0).current().note == "150 of 200 labels"
    assert _versions(shop) == []
    shop.transact(labelled, 70, seed=2)
    _source(shop, 0).current()
    (version,) = _versions(shop)
    assert _source(shop, 0).current().version == version
    assert shop.read(_entries) == [("greenlight", f"model:{MODEL}")]


def test_a_refit_by_itself_needs_the_setting_the_age_and_a_fifth_more_labels(shop: Store) -> None:
    shop.transact(labelled, 220, at=NOW)
    assert refit_if_due(shop, MODEL, days=0, now=NOW)
    shop.transact(labelled, 40, seed=2, at=NOW)
    later = NOW + timedelta(days=15)
    assert not refit_if_due(shop, MODEL, days=14, now=later), "260 is no fifth more than 220"
    shop.transact(labelled, 10, seed=3, at=NOW)
    assert not refit_if_due(shop, MODEL, days=0, now=later), "never, unless it is set"
    assert not refit_if_due(shop, MODEL, days=30, now=later), "not old enough"
    assert refit_if_due(shop, MODEL, days=14, now=later)
    assert not refit_if_due(shop, MODEL, days=14, now=later), "the new one is the one in force"
    assert len(_versions(shop)) == 2


def test_of_two_workers_that_fit_at_once_one_stores(shop: Store) -> None:
    shop.transact(labelled, 220)
    rows = shop.read(labels.training_rows, MODEL)
    one, other = (refit(MODEL, rows, None, now=NOW + timedelta(seconds=s)) for s in (0, 1))
    assert one is not None
    assert other is not None
    assert one.version != other.version
    assert shop.transact(calibrators.replace, one, old=None, now=NOW)
    assert not shop.transact(calibrators.replace, other, old=None, now=NOW)
    assert not shop.transact(calibrators.save, one, now=NOW), "a version is stored once"
    assert _versions(shop) == [one.version]


def test_a_refit_by_itself_runs_beside_the_runs_not_between_them() -> None:
    done, names = Event(), list[str]()

    def work() -> None:
        names.append(current_thread().name)
        done.set()

    in_background(work)
    assert done.wait(10)
    assert names == ["calibrating"]
