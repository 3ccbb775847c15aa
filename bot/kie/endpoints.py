"""The paths of each wire form, for creating a job, reading its record and asking for a direct link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from storage.catalogue import WireForm


class Endpoints(NamedTuple):
    create: str
    record: str
    link: str


COMMON_LINK: Final = "api/v1/common/download-url"
ENDPOINTS: Final[Mapping[WireForm, Endpoints]] = {
    WireForm.FOUR_O: Endpoints(
        "api/v1/gpt4o-image/generate", "api/v1/gpt4o-image/record-info", "api/v1/gpt4o-image/download-url"
    ),
    WireForm.FLUX: Endpoints("api/v1/flux/kontext/generate", "api/v1/flux/kontext/record-info", COMMON_LINK),
    WireForm.JOBS: Endpoints("api/v1/jobs/createTask", "api/v1/jobs/recordInfo", COMMON_LINK),
}
