"""
Decide which permissions are needed to post. Results, cards, galleries and reports need the same ones: to see the
channel, to write there, to attach pictures, and to find the bot's own messages after a lost response.
"""

from __future__ import annotations

from typing import Final

import discord

from bot.errors import MissingPermissions, Reason

IN_CHANNEL: Final = ("view_channel", "send_messages", "attach_files", "read_message_history")
IN_THREAD: Final = ("view_channel", "send_messages_in_threads", "attach_files", "read_message_history")
INVITED: Final = discord.Permissions(**dict.fromkeys((*IN_CHANNEL, *IN_THREAD, "embed_links"), True))
"""The permissions that the invitation asks for, with previews of links; as a number, 274878024704."""


def lacking(allowed: discord.Permissions, channel: object) -> tuple[str, ...]:
    """Return the names of the permissions that the bot needs to post in the channel and that are not in `allowed`, its
    own permissions there; none for an administrator."""
    needed = IN_THREAD if _has_threads(channel) else IN_CHANNEL
    return () if allowed.administrator else tuple(name for name in needed if not getattr(allowed, name))


def require(allowed: discord.Permissions, channel: object) -> None:
    """Raise MissingPermissions, with the names, if the bot lacks one of the permissions that it needs to post in the
    channel. `allowed`: the bot's own permissions there."""
    if missing := lacking(allowed, channel):
        raise MissingPermissions(Reason.MISSING_PERMISSIONS, permissions=",".join(missing))


def may_write(allowed: discord.Permissions, channel: object) -> bool:
    """Return whether a person or the bot, with these permissions, can see the channel and write in it. To post
    pictures, the bot needs more (`lacking`)."""
    writes = allowed.send_messages_in_threads if _has_threads(channel) else allowed.send_messages
    return allowed.view_channel and writes


def can_reply(allowed: discord.Permissions) -> bool:
    """Return whether the bot can refer to a message when it posts (Discord: "Create Message" with `message_reference`
    needs READ_MESSAGE_HISTORY)."""
    return allowed.read_message_history


def can_react(allowed: discord.Permissions) -> bool:
    """Return whether the bot, with these permissions, can add a reaction that a message does not have yet."""
    return allowed.view_channel and allowed.add_reactions and allowed.read_message_history


def can_read_audit_log(allowed: discord.Permissions) -> bool:
    return allowed.view_audit_log


def _has_threads(channel: object) -> bool:
    """Return whether messages in the channel are in a thread: it is a thread, or a forum, whose posts are threads."""
    return isinstance(channel, (discord.Thread, discord.ForumChannel))
