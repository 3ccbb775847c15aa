"""Tests for how each error answer of Discord is translated into the errors of the bot."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp
import discord
import pytest

from bot.discord_errors import CLOSED_CODES, PASSING_CODES, UNKNOWN_MESSAGE, TooLarge, map_discord_errors
from bot.errors import MessageGone, RouteClosed, ServiceError, Unavailable


@dataclass
class Response:
    """The attributes of a response that discord.py reads."""

    status: int
    reason: str = "refused"
    headers: dict[str, str] = field(default_factory=dict)


def meaning(error: Exception, *, by_token: bool = False) -> type[ServiceError]:
    with pytest.raises(ServiceError) as raised, map_discord_errors(by_token=by_token):
        raise error
    return raised.type


def refusal(status: int, code: int = 0) -> discord.HTTPException:
    return discord.HTTPException(Response(status), {"code": code, "message": "no"})  # type: ignore[arg-type]  # a stand-in


@pytest.mark.parametrize("code", sorted({50001, 50013, 10003, 10008, 10015, 10062, 50027, 40060} | CLOSED_CODES))
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_these_close_a_route(status: int, code: int) -> None:
    gone = code == UNKNOWN_MESSAGE
    assert meaning(refusal(status, code)) is (MessageGone if gone else RouteClosed)
    assert issubclass(MessageGone, RouteClosed)


@pytest.mark.parametrize(("status", "code"), [(400, 50035), (403, 340015), (404, 10004)])
def test_so_does_any_other_explicit_refusal(status: int, code: int) -> None:
    assert meaning(refusal(status, code)) is RouteClosed


@pytest.mark.parametrize("code", sorted(PASSING_CODES))
@pytest.mark.parametrize("by_token", [False, True])
def test_these_pass_by_waiting(code: int, by_token: bool) -> None:
    assert meaning(refusal(403, code), by_token=by_token) is Unavailable


@pytest.mark.parametrize("status", [400, 403, 404, 408, 429, 500, 502, 503, 504])
def test_without_a_code_it_was_not_discord_that_refused(status: int) -> None:
    assert meaning(refusal(status)) is Unavailable


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_interactions_token_that_is_refused_is_no_good_any_more(status: int) -> None:
    assert meaning(refusal(status), by_token=True) is RouteClosed


def test_the_bots_own_token_is_the_operators_to_put_right_so_nobody_is_given_up_on() -> None:
    assert meaning(refusal(401)) is Unavailable
    assert meaning(refusal(401, 40001)) is Unavailable


@pytest.mark.parametrize(("status", "code"), [(413, 40005), (400, 40005), (400, 50045), (413, 0)])
def test_too_large_is_a_closed_route_where_nothing_can_be_made_smaller(status: int, code: int) -> None:
    assert meaning(refusal(status, code)) is TooLarge
    assert issubclass(TooLarge, RouteClosed)


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError(), aiohttp.ServerDisconnectedError(), TimeoutError(), discord.RateLimited(600.0)],
    ids=lambda error: type(error).__name__,
)
def test_no_connection_passes_by_waiting(error: Exception) -> None:
    assert meaning(error) is Unavailable
