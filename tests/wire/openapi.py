"""
Check what the bot sends, and what the loopback Discord answers, against Discord's own OpenAPI description.

The description is not part of this project: the check runs if DISCORD_OPENAPI is the path of its JSON file.
"""

from __future__ import annotations

import json
import os
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

VARIABLE = "DISCORD_OPENAPI"
_URI = "urn:discord"


class OpenApi:
    def __init__(self, description: dict[str, Any]) -> None:
        self._paths = description["paths"]
        self._description = description
        resource = DRAFT202012.create_resource(description)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)
        self._validators: dict[str, Draft202012Validator] = {}

    def faults_of_request(self, method: str, route: str, body: Any) -> list[str]:
        content = self._operation(method, route).get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return [f"{method} {route} takes no body"]
        pointer = f"{self._pointer(method, route)}/requestBody/content/application~1json/schema"
        return self._faults(f"{method} {route} was sent", pointer, _with_text_ids(body))

    def faults_of_response(self, method: str, route: str, status: int, body: Any) -> list[str]:
        """Return the faults of a response; `body` is None if there is none."""
        responses = self._operation(method, route).get("responses", {})
        known = next((name for name in (str(status), f"{status // 100}XX") if name in responses), None)
        if known is None:
            return [] if status >= 500 else [f"{method} {route} never answers {status}"]
        pointer = f"{self._pointer(method, route)}/responses/{known}"
        if "$ref" in responses[known]:
            pointer = str(responses[known]["$ref"]).removeprefix("#")
        if "content" not in self._at(pointer):
            return [] if body is None else [f"{method} {route} answers {status} without a body"]
        pointer += "/content/application~1json/schema"
        return self._faults(f"{method} {route} answered {status}", pointer, body)

    def _operation(self, method: str, route: str) -> dict[str, Any]:
        found: dict[str, Any] = self._paths.get(route, {}).get(method.lower(), {})
        return found

    def _pointer(self, method: str, route: str) -> str:
        return f"/paths/{route.replace('~', '~0').replace('/', '~1')}/{method.lower()}"

    def _at(self, pointer: str) -> dict[str, Any]:
        found = self._description
        for name in pointer.split("/")[1:]:
            found = found[name.replace("~1", "/").replace("~0", "~")]
        return found

    def _faults(self, what: str, pointer: str, body: Any) -> list[str]:
        if pointer not in self._validators:
            schema = {"$ref": f"{_URI}#{pointer.replace('{', '%7B').replace('}', '%7D').replace('@', '%40')}"}
            self._validators[pointer] = Draft202012Validator(schema, registry=self._registry)
        worst = best_match(self._validators[pointer].iter_errors(body))
        return [] if worst is None else [f"{what}: {worst.json_path}: {worst.message[:300]}"]


def from_environment() -> OpenApi | None:
    path = os.environ.get(VARIABLE)
    return _read(Path(path)) if path else None


@cache
def _read(path: Path) -> OpenApi:
    return OpenApi(json.loads(path.read_text("utf-8")))


def _with_text_ids(body: Any) -> Any:
    """
    Return a copy with text ids: the description allows only text, but Discord accepts numbers, which discord.py
    sends.
    """
    if not isinstance(body, dict):
        return body
    told = deepcopy(body)
    for holder in (told, told.get("data")):
        if isinstance(holder, dict):
            _write_ids_as_text(holder)
    return told


def _write_ids_as_text(message: dict[str, Any]) -> None:
    if "recipient_id" in message:
        message["recipient_id"] = str(message["recipient_id"])
    for attachment in message.get("attachments") or []:
        attachment["id"] = str(attachment["id"])
    mentions = message.get("allowed_mentions") or {}
    for name in ("users", "roles"):
        if name in mentions:
            mentions[name] = [str(number) for number in mentions[name]]
