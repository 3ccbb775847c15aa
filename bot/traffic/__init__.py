"""
All requests of this process to Discord: one rate limit, and a count of refusals.

pacer.py     a token bucket that lets the most urgent request through first
refusals.py  count answers of 401, 403 and 429, for which Discord bans an address
trace.py     the hook in discord.py's HTTP session that every attempt passes

Discord allows 50 requests per second and bot. Requests by an interaction's token have limits of their own and are
counted, but not paced.
"""

from __future__ import annotations

from bot.traffic.pacer import Claim, Pacer, Priority, Sent, claim, requests_as
from bot.traffic.refusals import Refusals
from bot.traffic.trace import Traffic

__all__ = ["Claim", "Pacer", "Priority", "Refusals", "Sent", "Traffic", "claim", "requests_as"]
