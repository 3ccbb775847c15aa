# The message with the pictures, and the one that says why there are none.

outcome-ready = { $count ->
    [one] Your picture is ready
   *[other] Your { $count } pictures are ready
}
outcome-more = More of the same request
outcome-late = { $count ->
    [one] The picture that was missing is here
   *[other] The pictures that were missing are here
}
outcome-not-brought = Made, but I could not bring it here
outcome-took = took { $time }
outcome-saved-anew-this = This picture was saved anew, with as little loss as possible, to fit the size Discord takes here.
outcome-saved-anew = { $count ->
    [one] { $count } picture was saved anew, with as little loss as possible, to fit the size Discord takes here.
   *[other] { $count } pictures were saved anew, with as little loss as possible, to fit the size Discord takes here.
}
outcome-links-for-now = I could not fetch this yet. I keep trying for up to two weeks and bring it when it comes. Until then you may find it here:
outcome-links = What I could not bring along may still be found here for some days. If not, ask for it again:
outcome-elsewhere = You asked for this in { $channel }, where I could not post.

# For screen readers, and for links.
outcome-picture = Picture
outcome-picture-numbered = Picture { $number }
outcome-picture-of = Picture { $number } of { $count }

outcome-none = No picture this time
outcome-unsure = I cannot tell whether this worked
outcome-again = Ask again
outcome-again-costly = Ask again (may cost a second time)

outcome-corrected = I told you before that I was not sure of this one. It did get through after all.
outcome-corrected-failure = This is what became of the request that I was not sure of before.
outcome-taken-back = This did get through after all
outcome-told-later = I told you what became of it in a later message.
