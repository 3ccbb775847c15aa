"""Check a message's components against Discord's rules, and return them as Discord does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.wire.refusals import Refused, invalid

V2 = 1 << 15
EPHEMERAL = 1 << 6
LOADING = 1 << 7
MOST_COMPONENTS = 40
MOST_TEXT = 4000
MOST_CONTENT = 2000
ACTION_ROW, BUTTON, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 1, 2, 9, 10, 11, 12, 13, 14, 17
LEGACY = ("content", "embeds", "poll", "sticker_ids")
_DEFAULTS: dict[int, dict[str, Any]] = {
    THUMBNAIL: {"description": None, "spoiler": False},
    FILE: {"name": None, "size": None, "spoiler": False},
    SEPARATOR: {"spacing": 1, "divider": True},
    CONTAINER: {"accent_color": None, "spoiler": False},
}


def walked(components: list[dict[str, Any]], path: str = "components") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every component with its path, nested components too."""
    for place, component in enumerate(components):
        here = f"{path}.{place}"
        yield here, component
        yield from walked(component.get("components", []), f"{here}.components")
        if "accessory" in component:
            yield f"{here}.accessory", component["accessory"]


def media_of(component: dict[str, Any]) -> list[str]:
    """Return the media addresses of this component, without its children."""
    media = [component.get("media"), component.get("file"), *(item["media"] for item in component.get("items", []))]
    return [item["url"] for item in media if item]


def check(payload: dict[str, Any], flags: int, *, carries_files: bool) -> None:
    """Check a message as it would be after the post or edit, with its resulting `flags`. Raises Refused."""
    if len(str(payload.get("nonce") or "")) > 25:
        raise invalid("nonce", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if len(payload.get("content") or "") > MOST_CONTENT:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", f"Must be {MOST_CONTENT} or fewer in length.")
    components = payload.get("components") or []
    if not (carries_files or components or any(payload.get(name) for name in LEGACY)):
        raise Refused(50006)
    if flags & V2:
        _check_v2(payload, components)
    else:
        _check_legacy(payload, components)
    _check_each(components)


def _check_v2(payload: dict[str, Any], components: list[dict[str, Any]]) -> None:
    for name in LEGACY:
        if payload.get(name):
            code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
            raise invalid(name, code, f"The '{name}' field cannot be used with IS_COMPONENTS_V2")
    every = [component for _, component in walked(components)]
    if len(every) > MOST_COMPONENTS:
        raise invalid("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"At most {MOST_COMPONENTS} components")
    if sum(len(component.get("content", "")) for component in every if component["type"] == TEXT) > MOST_TEXT:
        message = f"Displayable text may be at most {MOST_TEXT} characters"
        raise invalid("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message)


def _check_legacy(payload: dict[str, Any], components: list[dict[str, Any]]) -> None:
    if len(payload.get("embeds") or []) > 10:
        raise invalid("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    if len(components) > 5 or any(component["type"] != ACTION_ROW for component in components):
        raise invalid("components", "UNION_TYPE_CHOICES", "Without IS_COMPONENTS_V2: at most 5 action rows")


def _check_each(components: list[dict[str, Any]]) -> None:
    ids, custom_ids = set(), set()
    for path, component in walked(components):
        if fault := _fault(component):
            raise invalid(path, "BASE_TYPE_BAD_LENGTH", fault)
        if (number := component.get("id")) and number in ids:
            raise invalid(f"{path}.id", "COMPONENT_DUPLICATED_ID", "Component ids have to be unique")
        if (custom_id := component.get("custom_id")) and custom_id in custom_ids:
            raise invalid(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id is duplicated")
        ids.add(number)
        custom_ids.add(custom_id)


def _fault(component: dict[str, Any]) -> str | None:
    """Return what is wrong with this component, without its children; None if it is valid."""
    children = len(component.get("components", []))
    match component["type"]:
        case 1 if not 1 <= children <= 5:
            return "1 to 5 in a row"
        case 9 if not 1 <= children <= 3:
            return "1 to 3 texts in a section"
        case 17 if not children:
            return "an empty container"
        case 10 if not 1 <= len(component["content"]) <= MOST_TEXT:
            return f"1 to {MOST_TEXT} characters"
        case 12 if not 1 <= len(component["items"]) <= 10:
            return "1 to 10 pictures in a gallery"
        case 2:
            return _fault_of_button(component)
    described = [*component.get("items", []), component]
    return "1024 characters" if any(len(item.get("description") or "") > 1024 for item in described) else None


def _fault_of_button(button: dict[str, Any]) -> str | None:
    if len(button.get("label") or "") > 80:
        return "a label of 80 characters"
    if button["style"] == 5:
        return None if button.get("url") and not button.get("custom_id") else "a link has an address and no custom_id"
    return None if 1 <= len(button.get("custom_id") or "") <= 100 else "a custom_id of 1 to 100 characters"


def shown(components: list[dict[str, Any]], media: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return components as Discord sends them: each with an id and defaults, and with `media` of each address."""
    taken = {component["id"] for _, component in walked(components) if component.get("id")}
    free = (number for number in range(1, 10_000) if number not in taken)
    return [_shown(component, media, free) for component in components]


def _shown(component: dict[str, Any], media: Callable[[str], dict[str, Any]], free: Iterator[int]) -> dict[str, Any]:
    made = _DEFAULTS.get(component["type"], {}) | component
    made["id"] = component.get("id") or next(free)
    for name in ("media", "file"):
        if name in component:
            made[name] = media(component[name]["url"])
    if "items" in component:
        plain = {"description": None, "spoiler": False}
        made["items"] = [plain | item | {"media": media(item["media"]["url"])} for item in component["items"]]
    if "accessory" in component:
        made["accessory"] = _shown(component["accessory"], media, free)
    if "components" in component:
        made["components"] = [_shown(inner, media, free) for inner in component["components"]]
    return made
