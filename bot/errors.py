"""
Define the exceptions of the bot, and who receives which message for each:

* AtelierError               carries a reason and parameters, from which `bot.error_replies` makes a message
  * UserError                what the person asks for cannot be done, and the message says why; costs nothing
    * LimitReached           too many open tasks, pictures per day, stored bytes, or look-ups or exports at a time
    * NotYours               the task, the batch or the outcome belongs to another person
    * NotFound               the task, or what belongs to it, is unknown, or not visible to the person
    * Gone                   a picture, a form, a batch or an outcome that existed and cannot be had now
    * Conflict               the same was done or decided already: by another person, this one or a late callback
    * TooLate                the task or the batch can no longer be cancelled, withheld or posted
    * BadReference           a picture that cannot be used (which and why), too many, or none where one is needed
    * BlankPrompt            neither a prompt nor a picture
    * TooLong                a text that exceeds its limit
    * NotHere                this cannot be done in this server or channel
    * MissingPermissions     permissions that the bot lacks in this channel
    * NotAllowed             an action reserved for the server's managers or moderators, or also for the asker
    * BadChoice              a choice that would not work, such as a channel, a style, or alternatives in braces
      * UnknownChoice        a value that was not offered
      * Unmakeable           choices that do not go together: which, and what is nearest
  * NoRoom                   the bot's disk is (nearly) full: the operator has to fix this; costs nothing
* ServiceError               a service, Discord or this machine failed or refused: often retried, then an apology
  * Throttled                a request to retry later; nothing was accepted (429, 455, 550)
  * ServerFault              500 in a readable body; nothing was accepted
  * Unreachable              no connection: nothing was sent
  * Unavailable              any other failure that may pass, of a service, of Discord or of this machine
  * Refused                  an explicit refusal, by a service or by the bot's limits; waiting does not help
    * AccountRefused         the key or the credit (401, 402): the operator has to fix this
    * HostNotAllowed         a result on a host outside KIE_RESULT_HOSTS: the operator may allow the host
    * ResultTooLarge         a result whose bytes, pixels or decoding exceed the limits
  * RouteClosed              Discord no longer allows delivery by this route
    * MessageGone            the message was deleted
* Unconfirmed                a create that may have been accepted and paid: never retried automatically
* ConfigurationError         a setting is wrong or missing, or what it names cannot be used: says what to put right

Most other exceptions are defects: the log gets the traceback, and a person without an answer a reference number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Final

from storage.models import PictureRequest


class Reason(StrEnum):
    """Why a task has no picture, why what a person asks for is refused, or what the operator is alerted about. Rows
    store the reason; `bot.error_replies` makes the message. Comments name a reason's parameters or cause."""

    # problems of the person's request
    TOO_MANY_OPEN = "too_many_open"  # allowed
    TOO_MANY_TODAY = "too_many_today"  # allowed, free_at (ms)
    SERVICE_FULL_TODAY = "service_full_today"  # allowed, free_at (ms)
    NOT_YOURS = "not_yours"
    TOO_LATE_TO_CANCEL = "too_late_to_cancel"
    TOO_LATE_TO_WITHHOLD = "too_late_to_withhold"
    TOO_LATE_TO_POST = "too_late_to_post"  # it is kept, as its asker wanted
    TASK_UNKNOWN = "task_unknown"
    ASKED_AGAIN_ALREADY = "asked_again_already"
    GOT_THROUGH = "got_through"
    COLLECTED_ALREADY = "collected_already"
    NO_LONGER_KEPT = "no_longer_kept"
    PICTURE_GONE = "picture_gone"
    ORIGINAL_GONE = "original_gone"
    ORIGINAL_LATER = "original_later"
    NOT_FOUND = "not_found"
    FORM_GONE = "form_gone"
    NO_PICTURE_THERE = "no_picture_there"
    BLANK_PROMPT = "blank_prompt"
    STORED_TOO_MUCH = "stored_too_much"  # allowed, used (megabytes)
    STORED_TOO_MUCH_TODAY = "stored_too_much_today"  # allowed, used (megabytes), free_at (ms)
    TOO_LONG = "too_long"  # allowed (characters)
    CHOICE_UNKNOWN = "choice_unknown"  # a value that was not offered
    BATCH_TOO_LARGE = "batch_too_large"  # allowed
    BATCH_NESTED = "batch_nested"
    BATCH_BY_COMMAND = "batch_by_command"
    BATCH_PARAMETERS = "batch_parameters"
    BATCH_GONE = "batch_gone"
    BATCH_TOO_MANY_OPEN = "batch_too_many_open"  # allowed
    BATCH_TOO_MANY_TODAY = "batch_too_many_today"  # allowed, free_at (ms)
    BATCH_SERVICE_FULL = "batch_service_full"  # allowed, free_at (ms)
    BATCH_NOTHING_WAITS = "batch_nothing_waits"
    NOT_THIS_SERVER = "not_this_server"
    NOT_THIS_CHANNEL = "not_this_channel"  # channels
    TOO_MANY_REFERENCES = "too_many_references"  # model, allowed, models, others
    MODEL_UNKNOWN = (
        "model_unknown"  # named, models (names, comma-separated), others (none, near: up to three, or some: all)
    )
    MODEL_OFF = "model_off"  # model (its name, as in those below), models, others (none or some)
    MODEL_NOT_HERE = "model_not_here"  # model, models, others
    SIZE_UNKNOWN = "size_unknown"  # named, model, sizes (comma-separated)
    SIZE_IS_RESOLUTION = "size_is_resolution"  # resolution, model, sizes
    SIZE_LACKING = "size_lacking"  # model, size, nearest_size, models, others
    SIZE_OF_NO_PICTURE = "size_of_no_picture"
    SIZE_NOT_IN_RESOLUTION = "size_not_in_resolution"  # model, size, resolution, nearest_size, nearest_resolution
    RESOLUTION_LACKING = "resolution_lacking"  # model, named, resolutions (comma-separated)
    RESOLUTION_IS_SIZE = "resolution_is_size"  # size
    RESOLUTION_UNCHOSEN = "resolution_unchosen"  # model, named, models, others: the model has no choice
    BACKGROUND_LACKING = "background_lacking"  # model, models, others
    BACKGROUND_NOT_IN_RESOLUTION = "background_not_in_resolution"  # model, resolution, nearest_resolution
    VARIANTS_LACKING = "variants_lacking"  # model, numbers (comma-separated)
    ENHANCE_LACKING = "enhance_lacking"  # model, models, others
    FALLBACK_LACKING = "fallback_lacking"  # model, models, others
    REFERENCES_LACKING = "references_lacking"  # model, models, others: the model takes none
    MASK_LACKING = "mask_lacking"  # model, models, others
    PROMPT_TOO_LONG = "prompt_too_long"  # model, allowed, models, others
    PROMPT_TOO_SHORT = "prompt_too_short"  # model, allowed (least characters)
    PROMPT_MISSING = "prompt_missing"  # model, models, others
    MISSING_PERMISSIONS = "missing_permissions"  # permissions (comma-separated names)
    REFERENCE_EMPTY = "reference_empty"  # filename, for most that begin with reference_ and mask_
    REFERENCE_TOO_LARGE = "reference_too_large"  # megabytes
    REFERENCE_TOO_MANY_PIXELS = "reference_too_many_pixels"  # megapixels (allowed)
    REFERENCE_NOT_A_PICTURE = "reference_not_a_picture"
    REFERENCE_FORMAT = "reference_format"  # format: SVG, PDF, ...; in older rows also HEIC, GIF, ...
    REFERENCE_TOO_SMALL = "reference_too_small"  # width, height
    REFERENCE_TOO_LONG = "reference_too_long"  # width, height
    REFERENCES_UNUSABLE = "references_unusable"  # count, and the reason and parameters of each, with its number
    REFERENCE_ANIMATED = "reference_animated"  # format; of a result, or in older rows
    REFERENCE_TOO_COMPLEX = "reference_too_complex"  # decoding would take too much memory or time
    REFERENCE_BROKEN = "reference_broken"  # truncated or damaged
    REFERENCE_MISNAMED = "reference_misnamed"  # named, format; only in older rows
    REFERENCE_UNFETCHABLE = "reference_unfetchable"  # the file is gone, not at Discord, or all tries failed
    ATTACHED_UNUSABLE = "attached_unusable"  # the process died three times while using the attachment
    REFERENCE_ERASED = "reference_erased"  # with all data of its owner
    MASK_WITHOUT_IMAGE = "mask_without_image"
    MASK_WITH_SEVERAL = "mask_with_several"
    MASK_SIZE = "mask_size"  # width, height, mask_width, mask_height
    MASK_NOT_BLACK_AND_WHITE = "mask_not_black_and_white"  # grey, black (percentages)
    MASK_CHANGES_NOTHING = "mask_changes_nothing"
    MANAGERS_ONLY = "managers_only"
    MODERATORS_ONLY = "moderators_only"
    CHANNEL_UNUSABLE = "channel_unusable"  # channel, permissions (comma-separated names)
    ADDED_WORDS_BLANK = "added_words_blank"
    ADDED_WORDS_PLAIN = "added_words_plain"
    STYLE_UNKNOWN = "style_unknown"  # name, for most that begin with style_
    STYLE_NAMELESS = "style_nameless"
    STYLE_TAKEN = "style_taken"
    STYLES_FULL = "styles_full"  # allowed
    STYLE_TEMPLATE = "style_template"
    STYLE_UNCHANGED = "style_unchanged"
    STYLE_WITH_MASK = "style_with_mask"
    SET_UNKNOWN = "set_unknown"  # name, for all that begin with set_
    SET_NAMELESS = "set_nameless"
    SET_TAKEN = "set_taken"
    SETS_FULL = "sets_full"  # allowed
    NOT_YOURS_TO_REMOVE = "not_yours_to_remove"
    NOT_YOURS_TO_SHOW = "not_yours_to_show"
    TAKEN_OUT = "taken_out"
    CANNOT_POST_THERE = "cannot_post_there"  # channel
    CANNOT_POST_HERE = "cannot_post_here"
    GALLERY_UNCHOSEN = "gallery_unchosen"
    REPORTS_UNCHOSEN = "reports_unchosen"
    REPORTED_ALREADY = "reported_already"
    DECIDED_ALREADY = "decided_already"
    LOOKING_ALREADY = "looking_already"  # allowed
    EXPORTING_ALREADY = "exporting_already"
    REPLIED_UNSEEN = "replied_unseen"
    REPLIED_GONE = "replied_gone"
    # failures of the image API
    POLICY = "policy"
    REFERENCE_POLICY = "reference_policy"
    API_REFERENCE_TOO_LARGE = "api_reference_too_large"
    API_REFERENCE_TOO_SMALL = "api_reference_too_small"
    API_REFERENCE_FORMAT = "api_reference_format"
    API_REFERENCE_UNFETCHABLE = "api_reference_unfetchable"
    API_MASK = "api_mask"
    GENERATION_FAILED = "generation_failed"
    NO_PICTURES = "no_pictures"  # the API reported success without a picture
    INVALID_REQUEST = "invalid_request"  # 400, 403, 404, 422 to a create; also 405, 413, 415 to an upload
    MODEL_UNAVAILABLE = "model_unavailable"  # 404, 422 or 500: no such model, or one of its fields or values is gone
    ACCOUNT_KEY = "account_key"  # 401
    ACCOUNT_CREDIT = "account_credit"  # 402
    ACCOUNT_QUOTA = "account_quota"  # 433
    SERVICE_FAULT = "service_fault"  # 500 three times, or refused without a cause, or put off for too long
    SERVICE_UNREACHABLE = "service_unreachable"
    UNCONFIRMED = "unconfirmed"
    RESTORED = "restored"  # it waited when the backup was made that was restored, and may have been made since
    LOST = "lost"  # no outcome in 24 hours
    DEFECT = "defect"  # number
    # problems of the bot's machine
    DISK_LOW = "disk_low"
    DISK_FULL = "disk_full"
    # problems for the operator
    NOBODY_TOLD = "nobody_told"
    DISCORD_REFUSES = "discord_refuses"  # more than 1,000 requests of the bot refused in ten minutes
    RESULT_HOST_NOT_ALLOWED = "result_host_not_allowed"  # host
    RESULT_HOST_REFUSES = "result_host_refuses"  # host, results
    WORK_GIVEN_UP = "work_given_up"  # the process died three times during the work


REFUSED_FILES: Final = frozenset(
    {reason for reason in Reason if reason.value.startswith(("reference", "mask_", "stored_too_much"))}
    - {Reason.REFERENCE_POLICY}
    | {Reason.ATTACHED_UNUSABLE}
)
"""Reasons to refuse what was attached, before anything is paid: only the asker sees them."""


class AtelierError(Exception):
    """Only `reason` and `parameters` are stored or shown to people; `str()` is for the log and contains no secret."""

    def __init__(self, reason: Reason, **parameters: str | int) -> None:
        super().__init__(f"{reason.value} {parameters}" if parameters else reason.value)
        self.reason = reason
        self.parameters: Mapping[str, str | int] = parameters


class UserError(AtelierError): ...


class LimitReached(UserError): ...


class NotYours(UserError):
    def __init__(self) -> None:
        super().__init__(Reason.NOT_YOURS)


class NotFound(UserError): ...


class Gone(UserError): ...


class Conflict(UserError): ...


class TooLate(UserError): ...


class BadReference(UserError):
    @classmethod
    def together(cls, refused: Sequence[BadReference]) -> BadReference:
        """Return one error for all refused pictures. With several, the parameters of each end with its number, from
        1: `reason_1`, `filename_1`, `reason_2`, ..."""
        if len(refused) == 1:
            return refused[0]
        parameters: dict[str, str | int] = {"count": len(refused)}
        for number, error in enumerate(refused, start=1):
            parameters[f"reason_{number}"] = error.reason.value
            parameters.update({f"{name}_{number}": value for name, value in error.parameters.items()})
        return cls(Reason.REFERENCES_UNUSABLE, **parameters)


class BlankPrompt(UserError):
    def __init__(self) -> None:
        super().__init__(Reason.BLANK_PROMPT)


class TooLong(UserError):
    def __init__(self, allowed: int) -> None:
        super().__init__(Reason.TOO_LONG, allowed=allowed)


class NotHere(UserError): ...


class MissingPermissions(UserError): ...


class NotAllowed(UserError): ...


class BadChoice(UserError): ...


class UnknownChoice(BadChoice):
    def __init__(self) -> None:
        super().__init__(Reason.CHOICE_UNKNOWN)


class Unmakeable(BadChoice):
    """The model cannot make what was asked for. `nearest`: a request that can be made, and differs as little as
    possible; None if nothing is near enough to be offered."""

    def __init__(self, reason: Reason, *, nearest: PictureRequest | None = None, **parameters: str | int) -> None:
        super().__init__(reason, **parameters)
        self.nearest = nearest


class NoRoom(AtelierError): ...


class ServiceError(Exception):
    """`str()` is for the log: short, without a key and without an address that contains a key."""


class Throttled(ServiceError):
    """`retry_after` is the delay that the service asked for; None if the service named no delay."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerFault(ServiceError): ...


class Unreachable(ServiceError): ...


class Unavailable(ServiceError): ...


class Refused(ServiceError):
    """`code` is one of the image API, the HTTP status of an answer, or an HTTP status that the bot chooses for what it
    refuses itself, such as a host that is not allowed. `reason` is what the task or the operator's alert gets; a
    download does not use it."""

    def __init__(self, code: int, message: str, reason: Reason = Reason.INVALID_REQUEST) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.reason = reason


class AccountRefused(Refused): ...


class HostNotAllowed(Refused):
    """`host` is a plain host name, which KIE_RESULT_HOSTS accepts."""

    def __init__(self, host: str) -> None:
        super().__init__(403, f"results are not fetched from https {host[:100]}")
        self.host = host


class ResultTooLarge(Refused):
    def __init__(self, most: str) -> None:
        super().__init__(413, f"a result of more than {most}")


class RouteClosed(ServiceError): ...


class MessageGone(RouteClosed): ...


class Unconfirmed(Exception):
    """The create may have been accepted and paid. `str()` says what happened, for the log and the audit trail."""


class ConfigurationError(Exception):
    """The operator has to put something right. `str()` is one line that names the problem, and the setting and the
    remedy where they are known."""

    exit_code: ClassVar[int] = 78
