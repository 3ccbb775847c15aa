# Reporting a result to a server's moderators: the form, and their message.

reports-title = Report this result
reports-why = What is wrong with it?
reports-why-hint = Only the moderators read this. You may leave it empty.
reports-thanks = Thank you. The moderators of this server have it now, and decide what becomes of it.

reports-heading = { $count ->
    [one] A result was reported
   *[other] A result was reported by { $count } people
}
reports-about = Asked for by { $asker } · { $link }
reports-open-message = open the message
reports-line = { $reporter }: { $words }
reports-line-wordless = { $reporter } gave no reason
reports-line-erased = Whoever reported it has had their report erased
reports-more = { $count ->
    [one] and { $count } more
   *[other] and { $count } more
}

reports-remove = Remove
reports-hide = Hide for now
reports-show-again = Show again
reports-dismiss = Dismiss

reports-open = Nobody has decided yet. The result stays as it is until somebody does.
reports-hidden = Hidden: a spoiler until it is decided
reports-removed = Removed
reports-dismissed = Dismissed: it stays
reports-by = { $moderator }, { $at }
