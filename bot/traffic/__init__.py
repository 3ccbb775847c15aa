"""
All requests of this process to Discord: one rate limit, and a count of refusals.

identifies.py       let the shards of all processes identify in turn
pacer.py            a token bucket that lets the most urgent request through first
refusals.py         count answers of 401, 403 and 429, for which Discord bans an address
shared_refusals.py  add up the refusals of all processes
trace.py            the hook in discord.py's HTTP session that every attempt passes

Discord allows 50 requests per second and bot, which its processes share. Requests by an interaction's token do not
count to these 50, and have limits of their own; they are counted, but not paced.
"""

from __future__ import annotations

from bot.traffic.identifies import Identifies, StartLimits
from bot.traffic.pacer import Claim, Pacer, Priority, Sent, claim, requests_as
from bot.traffic.refusals import Refusals
from bot.traffic.shared_refusals import SharedRefusals
from bot.traffic.trace import Traffic

__all__ = [
    "Claim",
    "Identifies",
    "Pacer",
    "Priority",
    "Refusals",
    "Sent",
    "SharedRefusals",
    "StartLimits",
    "Traffic",
    "claim",
    "requests_as",
]
