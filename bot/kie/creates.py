"""Build the body of a create from the model's entry in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.engine.ports import CreateRequest
from storage.catalogue import Model, WireForm


def misfits(create: CreateRequest, model: Model) -> Iterator[str]:
    """Yield what the model cannot do of a create. Requests are checked when they arrive, but one that has waited may be
    older than a change of the catalogue or of KIE_4O_FORM; sent all the same, it would be paid and differ from what was
    asked for."""
    request, files = create.request, len(create.files)
    if request.size not in model.size_words:
        yield f"size {request.size}"
    if request.resolution is not None and request.resolution not in model.resolution_words:
        yield f"resolution {request.resolution}"
    if request.background is not None and request.background not in model.backgrounds:
        yield f"background {request.background}"
    if files > (model.most_references if model.pictures is not None else 0):
        yield f"{files} input pictures"
    if create.mask and (model.mask is None or files != 1):
        yield f"a mask with {files} input pictures"


def create_body(create: CreateRequest, model: Model, settings: Mapping[str, object]) -> dict[str, object]:
    """
    Return the JSON of a create that the model can do. `create.request.variants` is the number of pictures of this one
    create; `settings` has the values of the model's `setting_fields`.

    Every choice that the model has is sent, also where it equals the API's default, which has changed before. A blank
    prompt, missing files, mask and callback address, and a background that was not chosen, are left out.
    """
    request, operation = create.request, model.operation(len(create.files))
    fields = {**operation.always, model.size_field: model.size_words[request.size]}
    if request.prompt.strip():
        fields["prompt"] = request.prompt
    if model.resolution_field:
        fields[model.resolution_field] = model.resolution_words[model.resolution_of(request.resolution)]
    if request.background is not None:
        fields[model.background_field] = request.background
    if model.variants_field:
        fields[model.variants_field] = request.variants
    if model.references is not None and create.files:
        fields[model.references.field] = list(create.files) if model.references.is_list else create.files[0]
    if model.mask is not None and create.mask:
        fields[model.mask.field] = create.mask
    chosen = {"enhance": request.enhance, "fallback": request.fallback}
    fields |= {field: chosen[option] for option, field in model.options.items()}
    fields |= {field: settings[field] for field in model.setting_fields}
    outer: dict[str, object] = {"model": operation.id} if operation.id else {}
    if create.callback_url:
        outer["callBackUrl"] = create.callback_url
    return outer | ({"input": fields} if model.form is WireForm.JOBS else fields)
