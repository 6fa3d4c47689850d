"""The declarative base with a registry of its own, and the column types every table shares."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Enum
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel


class Base(SQLModel, registry=registry()):
    """Greenlight's own registry: Streamlit's hot reload may import this module again."""


class UtcDateTime(TypeDecorator[datetime]):
    """UTC-aware on both sides; a naive datetime is refused rather than guessed."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored; give it a timezone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def status_type(kind: type[StrEnum]) -> Any:
    """A VARCHAR that the database restricts to the enum's values."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=24,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


UNIT = "{0} IS NULL OR ({0} >= 0 AND {0} <= 1)"  # NaN is stored as NULL by SQLite; see gate
