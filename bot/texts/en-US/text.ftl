# Pieces of sentences that many messages share.

text-wordless = no words, only pictures
text-alt = { $what }: { $words }
text-between = {", "}
# Between two sentences.
text-space = {" "}
text-and = { $before } and { $last }
text-or = { $before } or { $last }
text-or-shapes = { $before } or { $last }
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

# Shapes: a word, and with the aspect ratio. People may also type the word; in each language every word is another one.
text-shape = { $shape } ({ $size })
shape-square = square
shape-nearly-square = nearly square
shape-landscape = landscape
shape-portrait = portrait
shape-wide = wide
shape-tall = tall
shape-very-wide = very wide
shape-very-tall = very tall
shape-banner = banner
shape-column = column
shape-as-picture = as the picture
# Further words that people may type for a shape, separated by commas, in lower case.
typed-shape-square = squared, square format
typed-shape-landscape = horizontal, landscape format
typed-shape-portrait = vertical, upright, portrait format
typed-shape-wide = widescreen
typed-shape-as-picture = same as the picture, like the picture, as in the picture
text-like-picture = shaped like the picture

text-attached = { $count ->
    [one] { $count } attached picture
   *[other] { $count } attached pictures
}
text-with-mask = a mask
text-attached-gone = a picture that was erased

# In the place of a person who was erased.
text-somebody = somebody
