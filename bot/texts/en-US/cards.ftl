# The waiting card: heading and body of each state.

card-looking = Checking what you attached
card-preparing = Getting ready
card-joining = It’ll join the line in a moment.

card-queued = Waiting in line
card-soon = It starts soon.
card-next = You’re next.
# While the asker looks at the tinted part of a mask: for the next request, and for one with others ahead.
card-look-soon = I’ll start in a few seconds. Cancel if this isn’t the part you mean.
card-look = Cancel if this isn’t the part you mean.
card-before = { $count ->
    [one] { $count } request is ahead of yours.
   *[other] { $count } requests are ahead of yours.
}
card-paused = { $why } Your request keeps its place and will continue by itself.
card-stopped = I can’t make new pictures at the moment.
card-credit = My credit with the image service is used up. Whoever runs me has to top it up.
card-key = The image service isn’t accepting my key at the moment. Whoever runs me has to fix that.
card-unreachable = I can’t reach the image service at the moment.

card-creating = Your turn
card-handing = Sending it to the image service.

card-unconfirmed = Waiting for word from the image service
card-unsure = The connection broke before the service could say whether it took your request. I’ll wait a few minutes and tell you either way.

card-generating = { $count ->
    [one] Making your picture
   *[other] Making your { $count } pictures
}
card-silent = The image service isn’t answering at the moment. I’ll keep asking, and your request is safe.
card-left = { $time } to go
card-begun = just started

card-overdue = This is taking longer than usual
card-asking = There’s nothing you need to do. I’ll keep asking until it’s done.

card-delivering = Nearly there
card-bringing = Posting it in this channel.
card-finishing = One moment.

# A line below the state, while the service’s own figures say that many pictures of this model fail.
card-trouble = The image service has had trouble with { $model } since { $since }. It may take longer than usual.

card-cancelled = Cancelled
card-nothing-spent = Nothing was made and nothing was spent. Type `/{ imagine-name }` to ask for something else.

card-first-frame = { $filename } has more than one picture in it. I’ll use the first.
card-reduced = { $filename } is larger than the image service accepts, so I’ll make it smaller.
card-cut = { $filename } ends too early: its lower edge or some detail may be missing. I’ll use what’s there.

card-cancel = Cancel
card-clear = Dismiss
card-variants = { $count ->
    [one] { $count } variant
   *[other] { $count } variants
}

# What became of Midjourney's parameters at the end of the words, in one line.
card-ratio = `--ar { $ratio }` became { $shape }.
card-ratio-nearest = `--ar { $ratio }` became { $shape }, the nearest shape there is.
card-ratio-overruled = `--ar { $ratio }` gave way to the shape you chose.
card-without = What you do not want follows the word “{ words-without }”.
card-left-out = { $count ->
    [one] { $names } means nothing here and was left out.
   *[other] { $names } mean nothing here and were left out.
}
card-stayed = What I couldn’t read at the end stayed in your words.

# For screen readers: what was attached.
card-attached = Attached
card-mask = the mask { $filename }
card-preview = Your picture, with the part tinted that will change

card-tinted = { $percent } of the picture will change: the tinted part.
card-changes = { $percent } of the picture will change.
card-percent = { $percent }%
card-percent-least = Less than 1%

card-withhold = Don’t post
card-post = Post it after all
card-unwanted = The image service is already making it. I’ll keep it for you and won’t post it. See it with `/{ show-name }` when it’s done.
card-withheld = Kept, not posted
card-kept = It’s done, and I’ve kept it for you. See it with `/{ show-name }`.
card-back = I was away for a moment. Your request continues.
card-fair = Everyone gets a turn before anyone gets a second one.
card-usual = Once it was their turn, half of the recent pictures took { $half }, and nine in ten took { $most } at most.
card-usual-both = Once it was their turn, nine in ten recent pictures took { $most } at most.
