"""Store what a server has chosen: its settings, changed one at a time, and its styles."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, fields, replace
from typing import Any, Final

import sqlalchemy as sa

from storage.community import LISTS, Chosen, GuildSettings, Setting, SettingChange, StoredPicture, Style, StyleChanges
from storage.database import Database
from storage.notices import KeptValues
from storage.rows import values
from storage.schema import guild_settings, setting_changes, style_pictures, styles
from storage.transactions import Transaction

NOTHING_CHOSEN: Final = GuildSettings()
MOST_STYLES: Final = 50
"""Styles per server."""
CHOSEN: Final = sa.select(*[column for column in guild_settings.c if column is not guild_settings.c.guild_id]).where(
    guild_settings.c.guild_id == sa.bindparam("of")
)
_PICTURE: Final = {f"picture_{field.name}": style_pictures.c[field.name] for field in fields(StoredPicture)}
_STYLES: Final = sa.select(
    *[column for column in styles.c if column is not styles.c.folded],
    *[column.label(name) for name, column in _PICTURE.items()],
).outerjoin_from(styles, style_pictures)


class NameTaken(Exception):
    """The server has another style of this name."""


class TooManyStyles(Exception):
    """The server has `MOST_STYLES`."""


class StyleGone(Exception):
    """The style was removed since it was read."""


class GuildStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._settings: KeptValues[GuildSettings] = KeptValues(database.notices)

    async def settings(self, guild_id: int | None) -> GuildSettings:
        """Return the settings of a server. Direct messages (None) and settings that the server has not chosen have the
        defaults."""
        if guild_id is None:
            return NOTHING_CHOSEN
        if (kept := self._settings.get(_settings_of(guild_id))) is not None:
            return kept
        changes = self._settings.changes
        async with self._database.read() as connection:
            row = (await connection.execute(CHOSEN, {"of": guild_id})).first()
        chosen = {name: value for name, value in row._asdict().items() if value is not None} if row else {}
        settings = GuildSettings(**(asdict(NOTHING_CHOSEN) | chosen))
        self._settings.keep(_settings_of(guild_id), settings, changes=changes)
        return settings

    async def choose(self, guild_id: int, setting: Setting, chosen: Chosen, *, by: int, now: int) -> bool:
        """Change one setting, whatever other settings change at the same time, and record the change. Return False,
        and record nothing, if the setting has this value already. None resets the setting to its default."""
        column = guild_settings.c[setting.value]
        this = guild_settings.c.guild_id == guild_id
        after = _default(setting) if chosen is None else chosen
        async with self._database.write(priority=True, changing=_settings_of(guild_id)) as connection:
            row = (await connection.execute(sa.select(column).where(this))).first()
            before = row[0] if row is not None else _default(setting)
            if before == after:
                return False
            if row is None:
                await connection.execute(sa.insert(guild_settings).values(guild_id=guild_id, channels=()))
            await connection.execute(sa.update(guild_settings).where(this).values({setting.value: after}))
            change = {"setting": setting.value, "before": before, "after": after}
            await connection.execute(sa.insert(setting_changes).values(guild_id=guild_id, at=now, by=by, **change))
        return True

    async def changes(self, guild_id: int, *, most: int) -> tuple[SettingChange, ...]:
        """Return the last changes, newest first."""
        of = setting_changes.c
        last = sa.select(of.at, of.by, of.setting, of.after).where(of.guild_id == guild_id)
        async with self._database.read() as connection:
            return values(_change, await connection.execute(last.order_by(of.id.desc()).limit(most)))

    async def styles(self, guild_id: int | None) -> tuple[Style, ...]:
        """Return the server's styles, by name; direct messages have none."""
        async with self._database.read() as connection:
            found = await connection.execute(_STYLES.where(styles.c.guild_id == guild_id).order_by(styles.c.folded))
            return values(_style, found)

    async def style(self, guild_id: int | None, name: str) -> Style | None:
        """Return the server's style with this name, compared as `folded` says; None in direct messages."""
        this = sa.and_(styles.c.guild_id == guild_id, styles.c.folded == folded(name))
        async with self._database.read() as connection:
            found = values(_style, await connection.execute(_STYLES.where(this)))
        return found[0] if found else None

    async def add_style(self, style: Style) -> None:
        """Store a new style. Raises TooManyStyles or NameTaken."""
        async with self._styles_of(style.guild_id) as connection:
            count = sa.select(sa.func.count()).select_from(styles).where(styles.c.guild_id == style.guild_id)
            if (await connection.execute(count)).scalar_one() >= MOST_STYLES:
                raise TooManyStyles
            await _check_name(connection, style)
            await connection.execute(sa.insert(styles).values(_row(style)))
            await _put_picture(connection, style)

    async def change_style(self, style: Style, changes: StyleChanges, *, by: int, now: int) -> StoredPicture | None:
        """Change a style. Return its former picture if `changes` replaces or removes the picture: the caller
        deletes the file. Raises StyleGone or NameTaken."""
        async with self._styles_of(style.guild_id) as connection:
            before = await _present(connection, style)
            after = replace(before, **changes, changed_at=now, changed_by=by)
            if "name" in changes:
                await _check_name(connection, after)
            await connection.execute(sa.update(styles).where(styles.c.id == style.id).values(_row(after)))
            if "picture" not in changes:
                return None
            await connection.execute(sa.delete(style_pictures).where(style_pictures.c.style_id == style.id))
            await _put_picture(connection, after)
        return before.picture

    async def remove_style(self, style: Style) -> StoredPicture | None:
        """Delete a style and return its picture, whose file the caller deletes; None if it has none. Raises
        StyleGone."""
        async with self._styles_of(style.guild_id) as connection:
            before = await _present(connection, style)
            await connection.execute(sa.delete(styles).where(styles.c.id == style.id))
        return before.picture

    @asynccontextmanager
    async def _styles_of(self, guild_id: int) -> AsyncIterator[Transaction]:
        async with self._database.write(priority=True) as connection:
            await self._database.serialize(connection, f"styles of {guild_id}")
            yield connection


def _settings_of(guild_id: int) -> str:
    """Return the name by which changes of a server's settings are serialized and told."""
    return f"settings of {guild_id}"


def folded(name: str) -> str:
    """Return the form of a name by which names are compared: case, composition, width and blanks at the ends make no
    difference."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


async def _present(connection: Transaction, style: Style) -> Style:
    found = values(_style, await connection.execute(_STYLES.where(styles.c.id == style.id)))
    if not found:
        raise StyleGone
    return found[0]


async def _check_name(connection: Transaction, style: Style) -> None:
    same = sa.and_(styles.c.guild_id == style.guild_id, styles.c.folded == folded(style.name))
    another = sa.select(styles.c.id).where(same, styles.c.id != style.id)
    if (await connection.execute(another)).first() is not None:
        raise NameTaken


async def _put_picture(connection: Transaction, style: Style) -> None:
    if style.picture is not None:
        await connection.execute(sa.insert(style_pictures).values(style_id=style.id, **asdict(style.picture)))


def _row(style: Style) -> dict[str, Any]:
    row = asdict(style) | {"folded": folded(style.name)}
    del row["picture"]
    return row


def _style(**columns: Any) -> Style:
    picture = {name.removeprefix("picture_"): columns.pop(name) for name in _PICTURE}
    return Style(**columns, picture=StoredPicture(**picture) if picture["key"] is not None else None)


def _default(setting: Setting) -> Chosen:
    """Return the default as the table stores it: None, or for lists an empty one."""
    return () if setting in LISTS else None


def _change(*, at: int, by: int, setting: str, after: Any) -> SettingChange:
    chosen = tuple(after) if isinstance(after, list) else after
    return SettingChange(at=at, by=by, setting=Setting(setting), after=chosen)
