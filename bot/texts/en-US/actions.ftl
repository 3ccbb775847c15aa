# What can be done with a finished picture: the buttons under it, and what they answer.

actions-again = Again
actions-edit = Edit
actions-vary = Vary
actions-full-size = Full size
actions-family = Family
actions-more = More
actions-full-size-hint = The original pictures, only for you
actions-family-hint = Where this came from, and what was made from it
actions-gallery-hint = Copy it to this server’s gallery
actions-report-hint = Tell the moderators what’s wrong with it

# Under a result that came from another one.
actions-from-picture = from a picture by { $asker }
actions-from-picture-gone = from a picture that is gone
actions-same-request = first asked for by { $asker }

actions-which = Which picture should I vary?

actions-original = { $count ->
    [one] The original picture
   *[other] The { $count } original pictures
}
actions-links = Too large for Discord. You can open it here for a short while:
actions-missing = { $count ->
    [one] { $count } original is no longer kept. The picture in the message is the best copy left, so save that one.
   *[other] { $count } originals are no longer kept. The pictures in the message are the best copies left, so save those.
}

actions-kin = Where this picture came from, and what was made from it
actions-kin-alone = This picture wasn’t made from another one, and nothing has been made from it yet. Edit or vary it to start a family.
actions-kin-older = { $count ->
    [one] { $count } older one is not shown.
   *[other] { $count } older ones are not shown.
}
actions-kin-first = Asked for
actions-kin-again = Asked for again
actions-kin-edit = Edited
actions-kin-vary = Varied
actions-kin-line = { $what } by { $asker }
actions-kin-this = this one
actions-kin-waiting = not finished yet
actions-kin-none = no picture
actions-kin-open = open the message
