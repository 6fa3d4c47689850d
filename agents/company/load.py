"""From a checked `greenlight.toml` to a `Company`."""

import tomllib
from pathlib import Path

from agents.company.check import check
from agents.company.mistakes import FILE_NAME, CompanyMistakes
from agents.company.model import Company, CompanyFile, PolicyTable
from store.gate import AmountRule, PolicyBody, Sla
from store.money import Money
from store.transitions import Outcome, Role


def load(folder: Path) -> Company:
    """Read the company in `folder`; raise CompanyMistakes naming everything that is wrong."""
    mistakes = check(folder)
    if mistakes:
        raise CompanyMistakes(mistakes)
    raw = tomllib.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    file = CompanyFile.model_validate(raw)
    return Company(
        name=file.company.name,
        currency=file.company.currency,
        is_demo=file.company.demo,
        folder=folder.resolve(),
        documents=(folder / file.company.documents).resolve(),
        greeting=file.company.greeting,
        signature=file.company.signature,
        people={name: Role(one.role) for name, one in file.people.items()},
        identities={name: one.identity for name, one in file.people.items() if one.identity},
        policy=_policy(file.policy, file.company.currency),
        reject_reasons=[reason.model_dump() for reason in file.reject_reasons],
        entities=dict(file.entities),
        out_of_scope_examples=file.out_of_scope.examples,
        servers=file.servers,
        intents=file.intents,
    )


def _policy(table: PolicyTable, currency: str) -> PolicyBody:
    rules = [
        AmountRule(
            kind=rule.kind,
            above_minor=Money.parse(rule.above, currency).amount_minor,
            outcome=Outcome.BLOCK if rule.outcome == "block" else Outcome.ESCALATE,
        )
        for rule in table.amount_rules
    ]
    return PolicyBody(
        threshold=table.threshold,
        thresholds=dict(table.thresholds),
        amount_rules=tuple(rules),
        always_person=tuple(table.always_person),
        daily_cap_minor=Money.parse(table.daily_cap, currency).amount_minor,
        two_person_above_minor=Money.parse(table.two_person_above, currency).amount_minor,
        undo_seconds=table.undo_seconds,
        delay_seconds=table.delay_seconds,
        audit_rate=table.audit_rate,
        currency=currency,
        sla=Sla(**table.sla.model_dump()),
        needs_second_manager=table.needs_second_manager,
    )
