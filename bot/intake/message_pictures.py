"""Find the pictures that a message shows: in attachments, stickers, embeds, galleries and forwarded messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

import discord

from bot.intake.requests import references_of
from bot.texts.discord_text import storable
from storage.models import NO_USER, NewReference, ReferenceKind

DISCORDS: Final = (".discordapp.com", ".discordapp.net")
"""Endings of Discord's host names. A picture on another host is downloaded through Discord's proxy, if the message has
its address there."""

_OTHER_KINDS: Final = frozenset({"video", "audio", "text", "font", "model"})
"""First part of the content types that no picture has. `application` may be a picture whose type is not known."""
_OTHER_ENDING: Final = re.compile(
    r"""\.(?:
    mp4|m4v|mov|webm|mkv|avi|mpg|mpeg|wmv|3gp|ogv
    |mp3|ogg|oga|opus|wav|flac|m4a|aac|aif|aiff|wma|mid
    |txt|md|csv|tsv|log|html|htm|css|js|ts|py|java|c|h|cpp|cs|go|rs|rb|php|lua|sh|bat
    |json|xml|yml|yaml|toml|ini|srt|vtt|ics|vcf
    |ttf|otf|woff|woff2|glb|gltf|obj|stl
    )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
"""Ending of a video, a sound, a text, a font or a model. A declared type alone is not certain: a picture without an
ending, or with an unknown one, may be declared as anything."""
_COVERED: Final = re.compile(r"\|\|(.+?)\|\|", re.DOTALL)

AnyMessage: TypeAlias = discord.Message | discord.MessageSnapshot


def pictures_in(message: AnyMessage) -> tuple[NewReference, ...]:
    """Return the pictures in the order shown, each once. Their owner is the message's author; for a bot's message
    `NO_USER`, or None (the asker) if it is ephemeral or outside servers. A file whose type is not known counts as a
    picture: the contents are checked when the references are prepared. Raises BadReference, which names the attachments
    of an impossible size."""
    found: dict[str, NewReference] = {}
    owner_id = _owner(message)
    for picture in _all(message):
        first = found.setdefault(path := urlsplit(picture.url).path, replace(picture, owner_id=owner_id))
        if picture.spoiler:  # a file of a bot's message is one where the gallery that shows it says so
            found[path] = replace(first, spoiler=True)
    return tuple(found.values())


def _owner(message: AnyMessage) -> int | None:
    """Return the owner of a message's pictures: the author, or `NO_USER` for a bot's message and for a snapshot, which
    does not name its author. None (the asker) for a bot's message that only the asker can see."""
    if not isinstance(message, discord.Message):
        return NO_USER
    if not message.author.bot:
        return message.author.id
    return None if message.flags.ephemeral or message.guild is None else NO_USER


def other_files_in(message: AnyMessage) -> tuple[str, ...]:
    """Return the names of what is attached, also in galleries and forwarded messages, and is certainly no picture:
    files whose type is one of `_OTHER_KINDS` and whose ending matches `_OTHER_ENDING`, and Lottie stickers. Any
    other file (a PDF, an unknown type or ending) counts as a picture until its contents are checked."""
    files = [file.filename for file in message.attachments if not _may_be_picture(file.content_type, file.filename)]
    stickers = [sticker.name for sticker in message.stickers if not _is_drawn(sticker)]
    media = [
        name
        for media, _ in _media(message.components)
        if not _may_be_picture(media.content_type, name := _name(media.url))
    ]
    forwarded = [name for snapshot in _snapshots(message) for name in other_files_in(snapshot)]
    return tuple(dict.fromkeys(storable(name) for name in (*files, *stickers, *media, *forwarded)))


def _all(message: AnyMessage) -> Iterator[NewReference]:
    yield from references_of(
        [file for file in message.attachments if _may_be_picture(file.content_type, file.filename)]
    )
    yield from (_reference(file.url, _sticker_file(file)) for file in message.stickers if _is_drawn(file))
    for embed in message.embeds:
        for picture in (embed.image, embed.thumbnail):
            if picture.url:
                yield replace(_linked(picture.url, picture.proxy_url), spoiler=_is_covered(embed.url, message.content))
    for media, spoiler in _media(message.components):
        if _may_be_picture(media.content_type, _name(media.url)):
            yield replace(_linked(media.url, media.proxy_url), spoiler=spoiler)
    for snapshot in _snapshots(message):
        yield from _all(snapshot)


def _snapshots(message: AnyMessage) -> Sequence[discord.MessageSnapshot]:
    return message.message_snapshots if isinstance(message, discord.Message) else ()


def _is_drawn(sticker: discord.StickerItem) -> bool:
    """Return whether the sticker is a picture file: PNG, APNG or GIF."""
    return sticker.format is not discord.StickerFormatType.lottie


def _sticker_file(sticker: discord.StickerItem) -> str:
    return f"{storable(sticker.name)}.{sticker.format.file_extension}"


def _media(components: Sequence[Any]) -> Iterator[tuple[discord.UnfurledMediaItem, bool]]:
    """Yield each picture, and whether it is a spoiler."""
    for component in components:
        match component:
            case discord.MediaGalleryComponent():
                yield from ((item.media, item.spoiler) for item in component.items)
            case discord.ThumbnailComponent():
                yield component.media, component.spoiler
            case discord.SectionComponent():
                yield from _media([component.accessory])
            case discord.Container():
                inside = _media(component.children)
                yield from ((media, spoiler or component.spoiler) for media, spoiler in inside)


def _is_covered(url: str | None, content: str) -> bool:
    """Return whether the link is between the marks of a spoiler. Discord covers what it shows of the link then."""
    return url is not None and any(url in covered for covered in _COVERED.findall(content))


def _may_be_picture(content_type: str | None, filename: str) -> bool:
    kind = (content_type or "").partition("/")[0].strip().lower()
    return kind not in _OTHER_KINDS or _OTHER_ENDING.search(filename) is None


def _linked(url: str, proxy_url: str | None) -> NewReference:
    is_discords = (urlsplit(url).hostname or "").endswith(DISCORDS)
    return _reference(url if is_discords or not proxy_url else proxy_url, _name(url))


def _name(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name or "picture"


def _reference(url: str, filename: str, *, declared_type: str | None = None, size: int = 0) -> NewReference:
    return NewReference(
        kind=ReferenceKind.IMAGE, url=url, filename=filename, declared_type=declared_type, declared_bytes=size
    )
