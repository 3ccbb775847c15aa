# What can be done with a finished picture: the buttons under it, and what they answer.

actions-again = Again
actions-edit = Edit
actions-vary = Vary
actions-full-size = Full size
actions-family = Family

# Under a result that came from another one.
actions-from-picture = from a picture by { $asker }
actions-from-picture-gone = from a picture that is gone
actions-same-request = first asked for by { $asker }

actions-which = Which picture shall I vary?
actions-choose = Choose a picture

actions-original = { $count ->
    [one] The picture as it was made
   *[other] The { $count } pictures as they were made
}
actions-links = Too large to bring along here. For a short while you can open it by this link:
actions-missing = { $count ->
    [one] The original of { $count } picture is no longer kept. The one in the message is the best there is.
   *[other] The originals of { $count } pictures are no longer kept. Those in the message are the best there are.
}

actions-kin = Where this picture came from, and what came of it
actions-kin-alone = Nothing has come of this picture so far, and it came from no other. Press { actions-edit } or { actions-vary } to make something of it.
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
actions-kin-none = no picture came of it
actions-kin-open = open the message
