"""Tests for the database: opening, one process and one writer, transactions when cancelled, migrations."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from storage.database import Database, DatabaseInUse
from storage.migrations import VERSIONS, DatabaseNewer, migrate, pending
from storage.models import NewReference, ReferenceKind
from storage.schema import key_values, metadata
from storage.sqlite import NoWriteAheadLog
from storage.stores import Stores
from storage.transactions import Transaction
from tests.storage.rows import stored, url_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "atelier.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with Database.open(url_of(path)) as database:
        await migrate(database)
        yield database


async def pragma(connection: Transaction, name: str) -> object:
    return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()


# -- opening -----------------------------------------------------------------------------------------------------
async def test_every_connection_survives_a_power_cut_and_keeps_its_references(database: Database) -> None:
    async with database.read() as first, database.read() as second, database.write() as third:
        for connection in (first, second, third):
            assert await pragma(connection, "journal_mode") == "wal"
            assert await pragma(connection, "synchronous") == 2  # FULL
            assert await pragma(connection, "foreign_keys") == 1
        for connection in (first, second):
            assert 0 < int(str(await pragma(connection, "busy_timeout"))) <= 2_000


async def test_a_second_opening_is_refused_and_told_which_file(database: Database, path: Path) -> None:
    with pytest.raises(DatabaseInUse, match=r"atelier\.db is in use by another process"):
        async with Database.open(url_of(path)):
            pass


@pytest.mark.sweep
async def test_a_closed_database_can_be_opened_again(path: Path) -> None:
    for _ in range(2):
        async with Database.open(url_of(path)) as database:
            await migrate(database)


@pytest.mark.sweep
async def test_the_lock_dies_with_a_killed_process(path: Path) -> None:
    holder = f"""
import asyncio
from storage.database import Database
async def hold():
    async with Database.open({url_of(path)!r}):
        print("open", flush=True)
        await asyncio.sleep(600)
asyncio.run(hold())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", holder, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    with pytest.raises(DatabaseInUse):
        async with Database.open(url_of(path)):
            pass
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    async with Database.open(url_of(path)) as database:
        await migrate(database)


@pytest.mark.sweep
async def test_a_reader_looks_on_beside_the_owner_and_cannot_write(database: Database, path: Path) -> None:
    await Stores.on(database).key_values.set("colour", "red")
    async with Database.open(url_of(path), exclusive=False) as beside:
        assert await Stores.on(beside).key_values.get("colour") == "red"
        assert await pending(beside) == 0
        assert not beside.alone
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            await Stores.on(beside).key_values.set("colour", "blue")
    assert await Stores.on(database).key_values.get("colour") == "red"


async def test_a_reader_finds_no_database_and_makes_none(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no database"):
        async with Database.open(url_of(path), exclusive=False):
            pass
    assert not path.parent.exists()


async def test_a_database_that_would_die_with_the_process_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a file"):
        async with Database.open("sqlite+aiosqlite:///:memory:"):
            pass


# -- transactions ------------------------------------------------------------------------------------------------
async def test_a_file_system_without_a_write_ahead_log_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The `unix-dotfile` VFS of SQLite has no shared memory, like a file on a network share."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite+aiosqlite:///file:{tmp_path}/atelier.db?vfs=unix-dotfile&uri=true"
    with pytest.raises(NoWriteAheadLog, match="give a file on a local disk"):
        async with Database.open(url) as database, database.read():
            pass


async def test_a_failed_write_leaves_nothing(database: Database) -> None:
    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(sa.insert(key_values).values(name="colour", value="red"))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await write()
    assert await Stores.on(database).key_values.get("colour") is None


@pytest.mark.sweep
async def test_a_read_sees_one_moment_while_somebody_writes(database: Database) -> None:
    stores = Stores.on(database)
    async with database.read() as connection:
        before = (await connection.execute(sa.select(key_values))).all()
        await stores.key_values.set("colour", "red")
        assert (await connection.execute(sa.select(key_values))).all() == before
    assert await stores.key_values.get("colour") == "red"


async def test_a_write_has_the_write_lock_from_its_beginning(database: Database, path: Path) -> None:
    """Otherwise two transactions that read first and write later would fail instead of waiting."""
    async with database.write():
        other = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0, "isolation_level": None})
        with other.connect() as connection, pytest.raises(sa.exc.OperationalError, match="locked"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        other.dispose()


async def test_many_writers_wait_for_each_other(database: Database) -> None:
    stores = Stores.on(database)
    await stores.key_values.set("count", "0")

    async def count() -> None:
        async with database.write() as connection:
            value = (await connection.execute(sa.select(key_values.c.value))).scalar_one()
            await connection.execute(sa.update(key_values).values(value=str(int(value) + 1)))

    await asyncio.gather(*[count() for _ in range(30)])
    assert await stores.key_values.get("count") == "30"


async def test_a_write_that_a_person_waits_for_goes_before_those_that_queue(database: Database) -> None:
    order: list[str] = []

    async def write(name: str, *, priority: bool) -> None:
        async with database.write(priority=priority):
            order.append(name)

    async with asyncio.TaskGroup() as group, database.write():
        for number in range(5):
            group.create_task(write(f"{number}", priority=False))
        await asyncio.sleep(0)
        group.create_task(write("hurried", priority=True))
        await asyncio.sleep(0)
    assert order == ["hurried", "0", "1", "2", "3", "4"]


@pytest.mark.parametrize("cancels", [1, 2])
@pytest.mark.sweep
async def test_a_write_cancelled_at_any_moment_is_whole_or_absent_and_the_next_one_works(
    database: Database, cancels: int
) -> None:
    stores = Stores.on(database)
    pairs = 0
    ended = []  # tracebacks keep cursors alive, and cursors keep a transaction open

    async def write_pair(number: int) -> None:
        async with database.write() as connection:
            for half in "ab":
                insert = sa.insert(key_values).values(name=f"{number} {half}", value="x")
                await connection.execute(insert.returning(key_values.c.name))

    for moment in range(40):
        writing = asyncio.create_task(write_pair(moment))
        for _ in range(moment):
            await asyncio.sleep(0)
        for _ in range(cancels):
            writing.cancel()
            await asyncio.sleep(0)
        ended.append(await asyncio.gather(writing, return_exceptions=True))
        await stores.key_values.set("after", str(moment))
        assert await stores.key_values.get("after") == str(moment)
        found = [await stores.key_values.get(f"{moment} {half}") for half in "ab"]
        assert found in ([None, None], ["x", "x"])
        pairs += found == ["x", "x"]
    assert pairs < 40, "nothing was ever cancelled"


async def test_a_write_cancelled_between_its_statements_is_rolled_back(database: Database) -> None:
    reached = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(sa.insert(key_values).values(name="colour", value="red"))
            reached.set()
            await asyncio.Event().wait()

    writing = asyncio.create_task(write())
    await reached.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    stores = Stores.on(database)
    assert await stores.key_values.get("colour") is None
    await stores.key_values.set("colour", "blue")
    assert await stores.key_values.get("colour") == "blue"


# -- migrations --------------------------------------------------------------------------------------------------
def later_migration(folder: Path, body: str) -> tuple[Path, Path]:
    """Write a future migration that follows the newest one. Return the folders of all migrations."""
    newest = max(path.name for path in VERSIONS.glob("[0-9]*.py"))[:4]
    folder.mkdir()
    lines = ["import sqlalchemy as sa", "from alembic import op", "revision = 'later'", f"down_revision = {newest!r}"]
    (folder / "later.py").write_text(
        "\n".join([*lines, "def upgrade():", *[f"    {line}" for line in body.splitlines()]])
    )
    return VERSIONS, folder


async def everything(database: Database) -> list[object]:
    async with database.read() as connection:
        tables = (await connection.exec_driver_sql("SELECT name, sql FROM sqlite_master ORDER BY name")).all()
        rows = [(await connection.execute(sa.select(table))).all() for table in metadata.sorted_tables]
        version = (await connection.exec_driver_sql("SELECT * FROM alembic_version")).all()
    return [tables, rows, version]


async def test_migrations_and_schema_say_the_same(database: Database) -> None:
    def differences(connection: sa.Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.sweep
async def test_migrating_again_changes_nothing(database: Database) -> None:
    before = await everything(database)
    await migrate(database)
    assert await everything(database) == before
    assert await pending(database) == 0


async def test_an_empty_database_has_all_migrations_pending(path: Path) -> None:
    async with Database.open(url_of(path)) as database:
        assert await pending(database) == len(list(VERSIONS.glob("[0-9]*.py")))


@pytest.mark.sweep
async def test_a_failing_migration_rolls_back_whole(database: Database, tmp_path: Path) -> None:
    await stored(Stores.on(database))
    before = await everything(database)
    create, drop = "op.create_table('halves', sa.Column('id', sa.Integer))", "op.drop_table('key_values')"
    body = "\n".join([create, drop, "op.execute('no such thing')"])
    with pytest.raises(sa.exc.OperationalError, match="syntax error"):
        await migrate(database, versions=later_migration(tmp_path / "later", body))
    assert await everything(database) == before
    await Stores.on(database).key_values.set("still", "works")


@pytest.mark.sweep
async def test_a_failing_first_migration_leaves_an_empty_file(path: Path, tmp_path: Path) -> None:
    versions = later_migration(tmp_path / "later", "op.execute('no such thing')")
    async with Database.open(url_of(path)) as database:
        with pytest.raises(sa.exc.OperationalError, match="syntax error"):
            await migrate(database, versions=versions)
        async with database.read() as connection:
            assert (await connection.exec_driver_sql("SELECT * FROM sqlite_master")).all() == []
        await migrate(database)


@pytest.mark.sweep
async def test_an_older_file_is_migrated_and_keeps_what_refers_to_a_rebuilt_table(
    database: Database, tmp_path: Path
) -> None:
    """SQLite rebuilds a table by dropping it, which would delete all rows that refer to it if foreign keys were on."""
    stores = Stores.on(database)
    reference = NewReference(kind=ReferenceKind.IMAGE, url="https://cdn.test/a", filename="a.png")
    task = await stored(stores, references=(reference,))
    body = (
        "with op.batch_alter_table('tasks', recreate='always') as batch:\n"
        "    batch.add_column(sa.Column('colour', sa.Text))\n"
        "op.execute(\"UPDATE tasks SET colour = 'red'\")"
    )
    await migrate(database, versions=later_migration(tmp_path / "later", body))
    async with database.read() as connection:
        assert (await connection.exec_driver_sql("SELECT colour FROM tasks")).all() == [("red",)]
        assert await pragma(connection, "foreign_keys") == 1
    assert await stores.tasks.get(task.id) == task
    assert [reference.filename for reference in await stores.references.of_task(task.id)] == ["a.png"]
    assert len(await stores.tasks.events(task.id)) == 1


@pytest.mark.sweep
async def test_a_migration_that_leaves_rows_without_their_task_rolls_back(database: Database, tmp_path: Path) -> None:
    await stored(Stores.on(database))
    before = await everything(database)
    with pytest.raises(sa.exc.IntegrityError, match="task_events"):
        await migrate(database, versions=later_migration(tmp_path / "later", "op.execute('DELETE FROM tasks')"))
    assert await everything(database) == before


async def test_a_database_newer_than_the_program_is_refused(database: Database, tmp_path: Path) -> None:
    body = "op.create_table('halves', sa.Column('id', sa.Integer))"
    await migrate(database, versions=later_migration(tmp_path / "later", body))
    before = await everything(database)
    for refused in (migrate(database), pending(database)):
        with pytest.raises(DatabaseNewer, match=r"newer than this program .*use the newer version"):
            await refused
    assert await everything(database) == before
