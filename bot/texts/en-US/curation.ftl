# What becomes of a result: published, shown again, copied to a gallery, hidden, removed.

curation-publish = Publish
curation-post-here = Post here
curation-to-gallery = To gallery
curation-report = Report
curation-remove = Remove
curation-remove-here = Only this message
curation-remove-all = Remove everywhere

# Over a result that is posted again.
curation-published = { $count ->
    [one] A picture, now for everyone here
   *[other] { $count } pictures, now for everyone here
}
curation-shown = { $count ->
    [one] An earlier picture
   *[other] { $count } earlier pictures
}
curation-in-gallery = { $count ->
    [one] In the gallery: a picture
   *[other] In the gallery: { $count } pictures
}
curation-original = Where it was made
curation-hidden = Hidden until the moderators decide. Click it only if you want to see it.

curation-posted = Posted: { $link }
curation-posted-later = It’s on its way to { $channel }. If Discord is having trouble, it’ll come a little later.

curation-keep = Keep it
curation-kept = Nothing was removed. It stays as it is.
curation-remove-question = Remove it from Discord? This can’t be undone.
curation-remove-own = “{ curation-remove-all }” deletes every message that shows it, including copies in a gallery. What others made from it stays. You can still find it with `/{ tasks-name }`.
curation-remove-others = “{ curation-remove-all }” deletes every message that shows it in this server, including copies in the gallery. What others made from it stays. After that, no one can look it up, not even the person who asked for it.
curation-removed = Removed. It will be gone from Discord in a moment.
curation-stays = One message that shows it stays, because Discord no longer lets me delete it. Delete or dismiss it yourself; if you can’t, ask someone who can manage messages there.
curation-removed-but = Removed. { curation-stays }
