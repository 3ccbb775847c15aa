# Several requests out of one: {red, green} door.

# The question before anything is made, and what becomes of it.
batches-question = { $count ->
    [one] Make { $count } request from this?
   *[other] Make { $count } requests from this?
}
batches-cost = { $count ->
    [one] { $count } picture by { $model }
   *[other] { $count } pictures by { $model }
}
batches-left = { $count ->
    [one] You have { $count } picture left, of { $allowed } in 24 hours.
   *[other] You have { $count } pictures left, of { $allowed } in 24 hours.
}
batches-more = { $count ->
    [one] and { $count } more
   *[other] and { $count } more
}
batches-by-message = They’ll come as direct messages, only to you.
batches-make = Make them
batches-as-typed = Send as typed
batches-drop = Cancel
batches-begun = { $count ->
    [one] { $count } request is on its way. You can also find it with `/{ tasks-name }`.
   *[other] { $count } requests are on their way. Their pictures will come together in one place, and you can also find each one with `/{ tasks-name }`.
}
batches-dropped = Nothing was made, and nothing was spent.

# The shared message.
batches-progress = { $total ->
    [one] { $done } of { $total } done
   *[other] { $done } of { $total } done
}
batches-failed = { $count ->
    [one] { $count } didn’t work
   *[other] { $count } didn’t work
}
batches-cancelled = { $count ->
    [one] { $count } cancelled
   *[other] { $count } cancelled
}
batches-part = Message { $number } of { $count }
batches-line = **{ $number }.** { $words } · { $state }
batches-waiting = waiting in line
batches-making = being made
batches-picture = picture { $number } below
batches-pictures = pictures { $first } to { $last } below
batches-spoiler = hidden until the moderators decide
batches-unshown = ready, but not shown here: open it below
batches-none = no picture: { $why }
batches-taken-back = cancelled, nothing spent
batches-withheld = ready, and kept for the person who asked
batches-removed = removed
batches-alt = Picture { $number }
batches-alt-of = Picture { $number }, variant { $variant }
batches-open = Open one
batches-option = { $number }. { $words }
batches-cancel = Cancel what is waiting
batches-cancel-done = { $count ->
    [one] { $count } request is cancelled and cost nothing.
   *[other] { $count } requests are cancelled and cost nothing.
}
batches-cancel-rest = { $count ->
    [one] { $count } more is already being made and will come when it’s done.
   *[other] { $count } more are already being made and will come when they’re done.
}

# At the end, once.
batches-ended = { $count ->
    [one] { $asker } Your picture is ready: { $link }
   *[other] { $asker } Your { $count } pictures are ready: { $link }
}
batches-ended-some = { $count ->
    [one] { $asker } { $count } of { $asked } pictures is ready, and the rest didn’t work: { $link }
   *[other] { $asker } { $count } of { $asked } pictures are ready, and the rest didn’t work: { $link }
}
batches-rest-free = The rest cost nothing.
batches-rest-perhaps = The rest may have cost something.
batches-ended-none = { $asker } None of your pictures worked. To see what happened: { $link }
batches-look = have a look
