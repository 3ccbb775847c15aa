"""Tests for what people and bots put into messages: each kind counts as a picture, or is named as what is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import discord
import pytest
from simcord.backend.models.message import MessageSticker

from bot.errors import BadReference, Reason
from bot.intake.message_pictures import other_files_in, pictures_in
from storage.bounds import LARGEST_REFERENCE_BYTES
from tests.ui.test_mentions import mention
from tests.worlds.bot_world import PHOTO, BotWorld, png

CDN: Final = "https://cdn.discordapp.com/attachments/1/2"
PROXY: Final = "https://images-ext-1.discordapp.net/external/x/https/elsewhere.test"
IS_CLIP, IS_THUMBNAIL, IS_REMIX, IS_SPOILER, IS_ANIMATED = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 5
"""Flags of an attachment (Discord: "Attachment Flags")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A part of a message's payload, the names of its pictures, and the names of what is none."""

    payload: dict[str, Any]
    pictures: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def attached(name: str, content_type: str | None = None, **more: Any) -> dict[str, Any]:
    told = {} if content_type is None else {"content_type": content_type}
    return {"id": "1", "filename": name, "size": 5, "url": f"{CDN}/{name}?ex=1", "proxy_url": "p", **told, **more}


def files(*attachments: dict[str, Any], pictures: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> Kind:
    return Kind(payload={"attachments": list(attachments)}, pictures=pictures, others=others)


def picture(name: str, content_type: str | None = None, **more: Any) -> Kind:
    return files(attached(name, content_type, **more), pictures=(name,))


def no_picture(name: str, content_type: str, **more: Any) -> Kind:
    return files(attached(name, content_type, **more), others=(name,))


def sticker(format_type: int, *, pictures: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> Kind:
    told = {"id": "77", "name": "Wave", "format_type": format_type}
    return Kind(payload={"sticker_items": [told]}, pictures=pictures, others=others)


def linked(name: str) -> dict[str, Any]:
    return {"url": f"https://elsewhere.test/{name}", "proxy_url": f"{PROXY}/{name}", "width": 9, "height": 9}


def embed(kind: str, *pictures: str, **more: Any) -> Kind:
    return Kind(payload={"embeds": [{"type": kind, **more}]}, pictures=pictures)


def shown(*components: dict[str, Any], pictures: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> Kind:
    return Kind(payload={"components": list(components), "flags": 1 << 15}, pictures=pictures, others=others)


def gallery(*media: dict[str, Any]) -> dict[str, Any]:
    return {"type": 12, "id": 2, "items": [{"media": each} for each in media]}


KINDS: Final = {
    # Attachments
    "a screenshot that was pasted": picture("image.png", "image/png", width=9, height=9),
    "a photo of a phone": picture("IMG_0001.heic", "image/heic"),
    "a photo whose type Discord does not know": picture("IMG_0001.HEIC", "application/octet-stream"),
    "a file without a type": picture("scan.tif"),
    "a file without a type or an ending": picture("photo"),
    "a type with parameters": picture("cat.jpg", "image/jpeg; charset=binary"),
    "a type in capital letters": picture("cat.jpg", "IMAGE/JPEG"),
    "a picture that is declared as text": picture("cat.png", "text/plain; charset=utf-8"),
    "a picture that is declared as text and has no ending": picture("photo", "text/plain"),
    "a picture that is declared as text and has an unknown ending": picture("cat.backup", "text/plain"),
    "a picture that is declared as a video and has no ending": picture("photo", "video/mp4"),
    "a picture that is declared as a video and has a picture's ending": picture("cat.jpg", "video/mp4"),
    "a picture that is declared as a sound": picture("IMG 0001", "audio/mpeg"),
    "a picture with a video's ending and no type": picture("cat.mp4"),
    "a picture with a video's ending and a picture's type": picture("cat.mp4", "image/jpeg"),
    "a picture with a text's ending and a type that says nothing": picture("cat.txt", "application/octet-stream"),
    "a picture that moves": picture("dance.gif", "image/gif", flags=IS_ANIMATED),
    "a remix made in Discord": picture("remix.png", "image/png", flags=IS_REMIX),
    "a file of a command, which is deleted soon": files(
        attached("cat.png", "image/png", ephemeral=True), pictures=("cat.png",)
    ),
    "a document, whose contents are checked later": picture("plan.pdf", "application/pdf"),
    "a video": no_picture("holiday.mp4", "video/mp4", duration_secs=3.5),
    "a clip of a game": no_picture("clip.mp4", "video/mp4", flags=IS_CLIP),
    "a voice message": no_picture("voice-message.ogg", "audio/ogg", duration_secs=2.1, waveform="AAAA"),
    "a text that was too long for a message": no_picture("message.txt", "text/plain; charset=utf-8"),
    "a video in capital letters": no_picture("HOLIDAY.MOV", "VIDEO/quicktime"),
    "a sound": no_picture("song.mp3", "audio/mpeg"),
    "a page of the web": no_picture("page.html", "text/html; charset=utf-8"),
    "a program": no_picture("bot.py", "text/x-python; charset=utf-8"),
    "a font": no_picture("sans.ttf", "font/ttf"),
    "a 3D model": no_picture("chair.glb", "model/gltf-binary"),
    "a picture and a video": files(
        attached("cat.png", "image/png"), attached("v.mp4", "video/mp4"), pictures=("cat.png",), others=("v.mp4",)
    ),
    "ten pictures": files(
        *(attached(f"{number}.png", "image/png") for number in range(10)),
        pictures=tuple(f"{number}.png" for number in range(10)),
    ),
    # Stickers
    "a sticker": sticker(1, pictures=("Wave.png",)),
    "a sticker that moves": sticker(2, pictures=("Wave.png",)),
    "a sticker that is a GIF": sticker(4, pictures=("Wave.gif",)),
    "a sticker that is a drawing program": sticker(3, others=("Wave",)),
    "a sticker of a kind that is newer than this bot": sticker(9, pictures=("Wave.png",)),
    # What Discord shows for a link
    "a link to a picture": embed("image", "dog.png", thumbnail=linked("dog.png")),
    "a GIF of a picker": embed("gifv", "dog.png", thumbnail=linked("dog.png"), video=linked("dog.mp4")),
    "a link to a video": embed("video", "still.jpg", thumbnail=linked("still.jpg"), video=linked("player")),
    "a link to an article": embed("article", "lead.webp", thumbnail=linked("lead.webp"), title="News"),
    "a link without a picture": embed("link", title="News"),
    "several pictures behind one link": Kind(
        payload={
            "embeds": [
                {"type": "rich", "url": "https://elsewhere.test/1", "image": linked(name)}
                for name in ("a.jpg", "b.jpg")
            ]
        },
        pictures=("a.jpg", "b.jpg"),
    ),
    # What bots post
    "an embed of a bot": embed("rich", "big.png", "small.png", image=linked("big.png"), thumbnail=linked("small.png")),
    "an embed that shows the bot's own file": Kind(
        payload={
            "attachments": [attached("out.png", "image/png")],
            "embeds": [{"type": "rich", "image": {"url": f"{CDN}/out.png?ex=2", "proxy_url": "p"}}],
        },
        pictures=("out.png",),
    ),
    "a gallery": shown(gallery(linked("a.png"), linked("b.png")), pictures=("a.png", "b.png")),
    "a gallery in a container": shown(
        {"type": 17, "id": 1, "components": [gallery(linked("a.png"))]}, pictures=("a.png",)
    ),
    "a gallery with a video": shown(
        gallery(linked("a.png"), linked("v.mp4") | {"content_type": "video/mp4"}),
        pictures=("a.png",),
        others=("v.mp4",),
    ),
    "a gallery with what is declared as a video and has no ending": shown(
        gallery(linked("a") | {"content_type": "video/mp4"}), pictures=("a",)
    ),
    "a picture beside words": shown(
        {"type": 9, "id": 2, "components": [], "accessory": {"type": 11, "id": 3, "media": linked("b.webp")}},
        pictures=("b.webp",),
    ),
    "a file that is shown as a component": Kind(
        payload={
            "attachments": [attached("out.png", "image/png")],
            "components": [{"type": 13, "id": 1, "file": {"url": f"{CDN}/out.png?ex=1"}}],
        },
        pictures=("out.png",),
    ),
    "nothing but words": Kind(payload={"content": "look"}),
}


def payload_of(kind: Kind) -> Any:
    empty: dict[str, Any] = {
        "type": 0, "content": "", "embeds": [], "attachments": [], "components": [], "timestamp": "2026-11-23T00:00:00",
        "edited_timestamp": None, "flags": 0, "mentions": [], "mention_roles": [],
    }  # fmt: skip
    return empty | kind.payload


def message_of(world: BotWorld, **payload: Any) -> discord.Message:
    author = {"id": "9", "username": "somebody", "discriminator": "0", "avatar": None}
    about = {"id": "5", "channel_id": str(world.channel.id), "author": author, "pinned": False, "tts": False}
    data: Any = about | {"mention_everyone": False} | payload
    channel: Any = world.client.get_channel(world.channel.id)
    return discord.Message(state=world.client._connection, channel=channel, data=data)


@pytest.mark.parametrize("name", KINDS)
async def test_each_kind_counts_as_a_picture_or_is_named(world: BotWorld, name: str) -> None:
    kind = KINDS[name]
    message = message_of(world, **payload_of(kind))
    assert tuple(found.filename for found in pictures_in(message)) == kind.pictures
    assert other_files_in(message) == kind.others


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.sampled(every=6)
async def test_so_it_does_in_a_forwarded_message(world: BotWorld, name: str) -> None:
    kind = KINDS[name]
    forwarded = {"message_snapshots": [{"message": payload_of(kind)}]}
    message = message_of(world, **payload_of(Kind(payload=forwarded)))
    assert tuple(found.filename for found in pictures_in(message)) == kind.pictures
    assert other_files_in(message) == kind.others


@pytest.mark.parametrize(
    ("attachment", "spoiler"),
    [
        (attached("SPOILER_cat.png", "image/png"), True),
        (attached("cat.png", "image/png", flags=IS_SPOILER), True),
        (attached("cat.png", "image/png", flags=IS_THUMBNAIL), False),
    ],
)
async def test_a_spoiler_is_known_by_its_name_or_its_flag(
    world: BotWorld, attachment: dict[str, Any], spoiler: bool
) -> None:
    (found,) = pictures_in(message_of(world, **payload_of(files(attachment))))
    assert found.spoiler is spoiler


@pytest.mark.parametrize(
    ("size", "reason"),
    [(0, Reason.REFERENCE_EMPTY), (LARGEST_REFERENCE_BYTES + 1, Reason.REFERENCE_TOO_LARGE)],
)
async def test_a_file_of_an_impossible_size_is_refused_by_its_name(world: BotWorld, size: int, reason: Reason) -> None:
    with pytest.raises(BadReference) as refused:
        pictures_in(message_of(world, **payload_of(files(attached("cat.png", "image/png", size=size)))))
    assert (refused.value.reason, refused.value.parameters["filename"]) == (reason, "cat.png")


async def test_a_picture_elsewhere_comes_through_discords_proxy_and_each_counts_once(world: BotWorld) -> None:
    on_discord = f"{CDN}/a.png"
    message = message_of(
        world,
        **payload_of(
            Kind(
                payload={
                    "attachments": [attached("a.png", "image/png")],
                    "embeds": [
                        {"type": "image", "image": {"url": f"{on_discord}?ex=2"}, "thumbnail": linked("dog.png")}
                    ],
                    "components": [gallery({"url": f"{on_discord}?ex=3"}, linked("dog.png"))],
                }
            )
        ),
    )
    assert [(found.filename, found.url) for found in pictures_in(message)] == [
        ("a.png", f"{on_discord}?ex=1"),
        ("dog.png", f"{PROXY}/dog.png"),
    ]


# -- Through the doors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cat", "cat.backup"])
async def test_a_photo_that_is_declared_as_text_is_used_after_a_mention(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The simulator declares a file's type by its ending, so the type is set as Discord would send it."""
    made = discord.Attachment.__init__

    def declared_as_text(attachment: discord.Attachment, *, data: Any, state: Any) -> None:
        made(attachment, data=data | {"content_type": "text/plain; charset=utf-8"}, state=state)

    monkeypatch.setattr(discord.Attachment, "__init__", declared_as_text)
    await mention(world, attachments=[(name, PHOTO[1])])
    assert await went_in(world) == [name]
    await world.work()
    assert len(world.api.taken) == 1


async def sent_with_sticker(world: BotWorld, words: str, format_type: int = 1) -> None:
    assert world.client.user is not None
    made = world.guild.create_sticker("Wave", format_type=format_type)
    sticker = MessageSticker(made.id, "Wave", format_type, world.guild.id)
    content = f"{world.client.user.mention} {words}"
    world.env.backend.create_message(world.channel.id, world.alice.id, content, stickers=[sticker])
    await world.env.settle()


async def went_in(world: BotWorld) -> list[str]:
    task = await world.only_task()
    return [reference.filename for reference in await world.stores.references.of_task(task.id)]


async def test_a_sticker_with_words_is_a_picture(world: BotWorld) -> None:
    await sent_with_sticker(world, "make it blue")
    assert await went_in(world) == ["Wave.png"]


async def test_a_sticker_that_is_no_picture_file_is_refused_by_its_name(world: BotWorld) -> None:
    await sent_with_sticker(world, "make it blue", format_type=3)
    assert "Wave" in world.channel.history()[-1].content
    assert "isn’t a picture I can open" in world.channel.history()[-1].content
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_sticker_alone_is_a_greeting_and_costs_nothing(world: BotWorld) -> None:
    await sent_with_sticker(world, "")
    assert await world.stores.tasks.of_user(world.alice.id) == ()


async def test_a_reply_to_a_result_whose_prompt_is_a_file_edits_it(world: BotWorld) -> None:
    await world.ask("a red door with many words, " * 120, image=PHOTO)
    await world.work(60)
    result = world.channel.history()[-1]
    assert {attachment.filename.rpartition(".")[2] for attachment in result.attachments} == {"png", "txt"}
    assert world.client.user is not None
    await world.bob.send(world.channel, f"{world.client.user.mention} make it night", reply_to=result)
    assert (await world.only_task(world.bob)).prompt == "make it night"


async def test_the_menu_takes_the_picture_of_a_sticker(world: BotWorld) -> None:
    message = await world.bob.send(world.channel, "look", attachments=[("cat.png", png())])
    stored = world.env.backend.get_message(world.channel.id, message.id)
    made = world.guild.create_sticker("Wave")
    stored.stickers.append(MessageSticker(made.id, "Wave", 1, world.guild.id))
    opened = await world.bob.context_menu(world.channel, "Edit pictures", message)
    await world.bob.submit_modal(opened, {"words": "together"})
    task = await world.only_task(world.bob)
    assert [reference.filename for reference in await world.stores.references.of_task(task.id)] == [
        "cat.png",
        "Wave.png",
    ]
