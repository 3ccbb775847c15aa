# Reporting a result to a server's moderators: the form, and their message.

reports-title = Report this result
reports-why = What is wrong with it?
reports-why-hint = Only the moderators read this. You may leave it empty.
reports-thanks = Thank you. The moderators of this server have it now, and will decide.

reports-heading = { $count ->
    [one] A result was reported
   *[other] A result was reported by { $count } people
}
reports-about = Asked for by { $asker } · { $link }
reports-open-message = open the message
reports-line = { $reporter }: { $words }
reports-line-wordless = { $reporter } gave no reason
reports-line-erased = The person who reported it has erased their report
reports-more = { $count ->
    [one] and { $count } more
   *[other] and { $count } more
}

reports-remove = Remove
reports-remove-question = Remove this result and every copy in this server? This can’t be undone.
reports-hide = Hide for now
reports-show-again = Show again
reports-dismiss = Dismiss

reports-open = Not decided yet. The result stays as it is until you decide.
reports-hidden = Hidden as a spoiler until you decide
reports-removed = Removed
reports-dismissed = Dismissed: it stays
reports-by = { $moderator }, { $at }
