# What becomes of a result: published, shown again, copied to a gallery, hidden, removed.

curation-publish = Publish
curation-post-here = Post here
curation-to-gallery = To gallery
curation-report = Report
curation-remove = Remove
curation-remove-here = Only this message
curation-remove-all = Remove everywhere

# Over a result that is posted once more.
curation-published = { $count ->
    [one] A picture, now for everybody here
   *[other] { $count } pictures, now for everybody here
}
curation-shown = { $count ->
    [one] A picture from before
   *[other] { $count } pictures from before
}
curation-in-gallery = { $count ->
    [one] In the gallery: a picture
   *[other] In the gallery: { $count } pictures
}
curation-original = Where it was made
curation-hidden = Hidden until the moderators have decided. Click on it only if you want to see it.

curation-posted = Posted: { $link }
curation-posted-later = It is on its way to { $channel }. Where Discord has trouble at the moment, I post it as soon as it takes it.

curation-remove-question = Shall I remove it from Discord? That cannot be undone.
curation-remove-own = “{ curation-remove-all }” takes away every message with it, copies in a gallery too. What others made of it stays. You still find it under `/{ tasks-name }`.
curation-remove-others = “{ curation-remove-all }” takes away every message with it in this server, copies in the gallery too. What others made of it stays. Nobody can look it up any more, its asker neither.
curation-removed = Removed. It is gone from Discord in a moment.
