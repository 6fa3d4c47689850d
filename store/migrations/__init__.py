"""Alembic migrations, applied at start under the write lock, so that processes that start together
do it once. A store that is up to date is recognised without loading Alembic.
"""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from store.errors import StoreUnavailable

HEAD = "0007"


def upgrade(engine: Engine) -> None:
    """Bring the tables to HEAD in one transaction; a store from a newer Greenlight is refused."""
    if _version(engine) == HEAD:
        return
    with engine.execution_options(gl_migrate=True).begin() as connection:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreUnavailable(
                "This database was made by a newer Greenlight. Nothing was changed: start that"
                f" version again, or use another GREENLIGHT_HOME. ({error})"
            ) from error
    engine.dispose()  # its connections had foreign keys switched off


def _version(engine: Engine) -> str | None:
    with engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)
