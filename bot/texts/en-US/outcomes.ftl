# The message with the pictures, and the one that says why there are none.

outcome-ready = { $count ->
    [one] Your picture is ready
   *[other] Your { $count } pictures are ready
}
outcome-more = More from the same request
outcome-choose = Choose a picture by its number, counted from left to right and top to bottom.
outcome-fewer = You asked for { $asked } pictures; the image service sent only { $count }.
outcome-missing = { $count } of { $asked } pictures came.
outcome-missing-not-allowed = { $count ->
    [one] The image service didn’t allow one of them, which cost nothing.
   *[other] The image service didn’t allow { $count } of them, which cost nothing.
}
outcome-missing-failed = { $count ->
    [one] One failed and cost nothing.
   *[other] { $count } failed and cost nothing.
}
outcome-missing-credit = { $count ->
    [one] For one, my credit with the image service was used up; it cost nothing.
   *[other] For { $count }, my credit with the image service was used up; they cost nothing.
}
outcome-missing-not-begun = { $count ->
    [one] One was not started and cost nothing.
   *[other] { $count } were not started and cost nothing.
}
outcome-missing-unsure = { $count ->
    [one] One brought no picture, but may have been charged.
   *[other] { $count } brought no picture, but may have been charged.
}
outcome-first-frame = { $count ->
    [one] Only the first picture in { $filename } was used.
   *[other] Of { $count } attached files, only the first picture was used.
}
outcome-reduced = { $count ->
    [one] { $filename } was made smaller for the image service.
   *[other] { $count } attached pictures were made smaller for the image service.
}
outcome-cut = { $count ->
    [one] { $filename } ended too early: its lower edge or some detail may be missing.
   *[other] { $count } attached pictures ended too early: their lower edge or some detail may be missing.
}
outcome-late = { $count ->
    [one] The missing picture is here
   *[other] The missing pictures are here
}
outcome-not-brought = Finished, but I couldn’t post it here
outcome-took = took { $time }
outcome-saved-anew-this = This picture was saved again, with as little loss as possible, to fit Discord’s size limit here.
outcome-saved-anew = { $count ->
    [one] { $count } picture was saved again, with as little loss as possible, to fit Discord’s size limit here.
   *[other] { $count } pictures were saved again, with as little loss as possible, to fit Discord’s size limit here.
}
outcome-links-for-now = I couldn’t download this yet. I’ll keep trying for up to two weeks and add it here. Until then, this link may work:
outcome-links = I couldn’t download this. The link may work for a few more days; if it doesn’t, ask again:
outcome-elsewhere = You asked for this in { $channel }, where I couldn’t post.

# For screen readers, and for links.
outcome-picture = Picture
outcome-picture-numbered = Picture { $number }
outcome-picture-of = Picture { $number } of { $count }

outcome-none = No picture this time
outcome-unsure = I can’t tell whether this worked
outcome-again = Ask again
outcome-again-costly = Ask again (may cost a second time)

outcome-corrected = I wasn’t sure about this one before. It worked after all.
outcome-corrected-failure = This is how the request I wasn’t sure about ended.
outcome-taken-back = This one worked after all
outcome-told-later = A later message says how it ended.
