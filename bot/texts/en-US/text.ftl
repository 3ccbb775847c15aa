# Pieces of sentences that many messages share.

text-wordless = no words, only pictures
text-alt = { $what }: { $words }
text-between = {", "}
text-and = { $before } and { $last }
text-for = for { $asker }

text-seconds = a few seconds
text-half-a-minute = about half a minute
text-minute = about a minute
text-minutes = { $count ->
    [one] about { $count } minute
   *[other] about { $count } minutes
}
text-hour = about an hour
text-hours = { $count ->
    [one] about { $count } hour
   *[other] about { $count } hours
}

text-square = square (1:1)
text-landscape = landscape (3:2)
text-portrait = portrait (2:3)
text-like-picture = shaped like the picture

text-attached = { $count ->
    [one] { $count } attached picture
   *[other] { $count } attached pictures
}
text-with-mask = a mask
text-attached-gone = a picture that was erased

# In the place of a person who was erased.
text-somebody = somebody
