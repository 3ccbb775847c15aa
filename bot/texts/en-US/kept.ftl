# Outcomes that could not be delivered, and wait until their asker comes.

kept-waiting = { $count ->
    [one] An earlier request of yours is finished, but I couldn’t reach you. Only you will see it.
   *[other] { $count } earlier requests of yours are finished, but I couldn’t reach you. Only you will see them.
}
kept-more = { $count ->
    [one] One more is waiting for you.
   *[other] { $count } more are waiting for you.
}
kept-told-elsewhere = This one has just reached you another way. You asked for it in { $channel }.
kept-show = Show it to me
kept-show-next = Show the next one

# Several requests out of one, which could not be told together.
kept-batch-waiting = Several requests that you made together are finished, but I couldn’t reach you. Only you will see them.
kept-batch-more = More of these pictures are waiting for you.
kept-batch-show = Show them to me
kept-batch-next = Show me more
