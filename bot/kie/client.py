"""The image API's client: one method per endpoint, and `_call`, which turns HTTP errors and API codes into the errors
of `bot.errors`."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

import aiohttp
from pydantic import BaseModel, SecretStr
from yarl import URL

from bot.config import Settings
from bot.engine.ports import CreateRequest, Record, RecordStatus
from bot.errors import Reason, Refused, Unreachable
from bot.kie import codes
from bot.kie.codes import Call
from bot.kie.creates import create_body, misfits
from bot.kie.endpoints import ENDPOINTS
from bot.kie.records import ENDED, record_of
from bot.kie.wire import Created, Credits, Envelope, Link, Uploaded, tidy
from bot.net.http import (
    ANSWER_TIMEOUT,
    NEVER_SENT,
    TRANSFER_TIMEOUT,
    USER_AGENT,
    ResponseTooLong,
    read_at_most,
    retry_after,
)
from bot.net.results import ResultHosts, fetch_result
from bot.process import counters
from storage.catalogue import MODELS, Model, WireForm, catalogue, in_form

LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes of JSON; a record has a few hundred, and what was asked for up to three times."""
UPLOAD_FOLDER: Final = "atelier"

Shape = TypeVar("Shape", bound=BaseModel)


class KieClient:
    """Implements `ImageAPI`, which documents the errors of each method. Does not retry (aiohttp repeats a GET once if
    its connection was dropped, never a POST). Does not close the session, which should keep no cookies."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_key: SecretStr,
        api_url: str,
        upload_url: str,
        result_hosts: tuple[str, ...],
        models: Mapping[str, Model] = MODELS,
        upload_cn: bool = False,
        fallback_model: str = "FLUX_MAX",
        answer_timeout: aiohttp.ClientTimeout = ANSWER_TIMEOUT,
        transfer_timeout: aiohttp.ClientTimeout = TRANSFER_TIMEOUT,
    ) -> None:
        """The key is sent only to the hosts of `api_url` and `upload_url`. Results may come from `result_hosts` (and
        their subdomains) and from the scheme, host and port of `api_url`."""
        self._session = session
        self._key = api_key
        self._api = URL(api_url)
        self._uploads = URL(upload_url)
        self._models = models
        self._settings = {"uploadCn": upload_cn, "fallbackModel": fallback_model}
        self._hosts = ResultHosts(own=self._api, suffixes=tuple(host.lower() for host in result_hosts))
        self._timeouts = {
            Call.CREATE: answer_timeout,
            Call.QUESTION: answer_timeout,
            Call.TRANSFER: transfer_timeout,
        }

    async def create(self, request: CreateRequest) -> str:
        model = self._model_of(request)
        body = create_body(request, model, self._settings)
        answer = await self._call(Call.CREATE, "POST", self._api / ENDPOINTS[model.form].create, json=body)
        return _read(Call.CREATE, Created, answer).task_id

    def _model_of(self, request: CreateRequest) -> Model:
        """Return the model's entry for the wire form of the create. Raises Refused if the model, as it is now, cannot
        make what was asked for."""
        key = request.request.model
        model = self._models.get(key)
        if model is not None and request.form is not None:
            model = in_form(model, request.form)
        cannot = ["no such model"] if model is None else list(misfits(request, model))
        if model is None or cannot:
            raise Refused(404, f"not sent: {tidy(key)}: {', '.join(cannot)}", Reason.MODEL_UNAVAILABLE)
        return model

    async def record(self, job_id: str, form: str = WireForm.FOUR_O) -> Record:
        form = WireForm(form)
        url = (self._api / ENDPOINTS[form].record).with_query(taskId=job_id)
        counters.POLLS.inc()
        try:
            answer = await self._call(Call.QUESTION, "GET", url, also=ENDED.get(form, frozenset()))
        except codes.UnknownRecord as error:
            return Record(status=RecordStatus.MISSING, message=str(error))
        if answer.data is None and answer.code == codes.SUCCESS:
            return Record(status=RecordStatus.MISSING, message="no data")
        with _readable(Call.QUESTION, "record"):
            return record_of(form, answer)

    async def upload(self, filename: str, content_type: str, data: bytes) -> str:
        name = _unique(filename)
        form = aiohttp.FormData({"uploadPath": UPLOAD_FOLDER, "fileName": name})
        form.add_field("file", io.BytesIO(data), filename=name, content_type=content_type)
        answer = await self._call(Call.TRANSFER, "POST", self._uploads / "api/file-stream-upload", form=form)
        return _read(Call.TRANSFER, Uploaded, answer).download_url

    async def direct_link(self, job_id: str, url: str, form: str = WireForm.FOUR_O) -> str:
        """Return another address of the result `url`, valid for 20 minutes and for anyone who has the address. Raises
        as `upload`."""
        form = WireForm(form)
        body = {"taskId": job_id, "url": url} if form is WireForm.FOUR_O else {"url": url}
        answer = await self._call(Call.TRANSFER, "POST", self._api / ENDPOINTS[form].link, json=body)
        return _read(Call.TRANSFER, Link, answer).root

    async def fetch(self, url: str) -> bytes:
        with counters.api_call("fetch"):
            return await fetch_result(self._session, url, self._hosts, self._timeouts[Call.TRANSFER])

    async def credits(self) -> float:
        answer = await self._call(Call.QUESTION, "GET", self._api / "api/v1/chat/credit")
        return _read(Call.QUESTION, Credits, answer).root

    async def question(self, path: str, *, most_bytes: int = LARGEST_ANSWER) -> object:
        """Return the `data` that a GET of a path of the API answers, not checked. A slash in the path stays as it is.
        Raises the same errors as `record`."""
        return (await self._call(Call.QUESTION, "GET", self._api / path, most_bytes=most_bytes)).data

    async def _call(
        self,
        call: Call,
        method: str,
        url: URL,
        *,
        json: Mapping[str, object] | None = None,
        form: aiohttp.FormData | None = None,
        also: frozenset[int] = frozenset(),
        most_bytes: int = LARGEST_ANSWER,
    ) -> Envelope:
        """Send a request and return an envelope whose code is 200 or one of `also`. For every other answer, and for
        none, raises the error that `bot.kie.codes` defines; Unreachable if nothing was sent."""
        with counters.api_call(call.name.lower()):
            status, body, later = await self._exchange(call, method, url, json, form, most_bytes)
            envelope = Envelope.read(body)
            if envelope is None:
                raise codes.unread(call, status, later)
            envelope.msg = envelope.msg.replace(self._key.get_secret_value(), "[key]")
            if envelope.code != codes.SUCCESS and envelope.code not in also:
                raise codes.refusal(call, envelope.code, tidy(envelope.msg), later)
            return envelope

    async def _exchange(
        self,
        call: Call,
        method: str,
        url: URL,
        json: Mapping[str, object] | None,
        form: aiohttp.FormData | None,
        most_bytes: int,
    ) -> tuple[int, bytes, timedelta | None]:
        """Return the HTTP status, the body and Retry-After. Raises Unreachable if nothing was sent, else the error of
        `codes.broken`. Errors of aiohttp are not chained, as they show addresses and headers."""
        try:
            async with self._session.request(
                method,
                url,
                json=json,
                data=form,
                headers={"Authorization": f"Bearer {self._key.get_secret_value()}", "User-Agent": USER_AGENT},
                allow_redirects=False,
                timeout=self._timeouts[call],
            ) as response:
                return response.status, await read_at_most(response, most_bytes), retry_after(response)
        except ResponseTooLong:
            raise codes.broken(call, f"an answer of more than {most_bytes} bytes") from None
        except NEVER_SENT as error:
            raise Unreachable(f"no connection to {url.host} ({type(error).__name__})") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise codes.broken(call, f"broke off after sending ({type(error).__name__})") from None


def _read(call: Call, shape: type[Shape], answer: Envelope) -> Shape:
    with _readable(call, shape.__name__.lower()):
        return shape.model_validate(answer.data)


@contextmanager
def _readable(call: Call, what: str) -> Iterator[None]:
    """Raise and count the error of `codes.broken` for an answer that lacks what it should hold."""
    try:
        yield
    except ValueError:  # also the ValidationError of pydantic; not chained, as the answer may hold a secret
        with counters.api_errors(call.name.lower()):
            raise codes.broken(call, f"200 without a readable {what}") from None


def _unique(filename: str) -> str:
    """Return a new random name with the end of `filename`, extension included: a repeated name would overwrite the
    earlier file."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", filename)[-60:]
    return f"{secrets.token_hex(16)}-{plain}"


def image_api(session: aiohttp.ClientSession, settings: Settings) -> KieClient:
    """Return the client of the image API, configured from the settings."""
    return KieClient(
        session,
        api_key=settings.kie_api_key,
        api_url=settings.kie_api_url,
        upload_url=settings.kie_upload_url,
        result_hosts=settings.kie_result_hosts,
        models=catalogue(four_o=settings.kie_4o_form),
        upload_cn=settings.kie_upload_cn,
        fallback_model=settings.kie_fallback_model,
    )
