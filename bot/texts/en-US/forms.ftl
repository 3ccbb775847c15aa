# The forms in which pictures are asked for, and the commands that open them.

create-name = create
create-command = Make pictures with a form
forms-menu = Edit pictures

forms-create-title = Make pictures
forms-edit-title = Edit a picture
forms-menu-title = Edit pictures from a message

forms-words = What you’d like to see
forms-words-change = What you’d like to see instead
forms-words-hint = With pictures to start from, you can leave this empty.
forms-words-kept = The words so far are too long to show. Leave this empty to keep them all, or write new ones.
forms-picture = The picture to start from
forms-pictures = The pictures to start from
forms-files = Pictures to start from
forms-files-more = More pictures to start from
forms-files-hint = { $most ->
    [0] { $model } works from words alone; other models start from pictures, up to 50 MB each.
    [one] Any common format, up to 50 MB; { $most } picture in all with { $model }.
   *[other] Any common format, up to 50 MB each; at most { $most } in all with { $model }.
}
forms-model = Model
forms-model-usual = { $model }, unless you choose another
forms-variants-private = { $count ->
    [one] { $count } picture, only for you
   *[other] { $count } pictures, only for you
}
forms-size = The shape of the picture
forms-size-of-picture = Like your first picture
forms-size-open = Like your first picture; from words alone { $shape }
forms-variants = How many pictures to choose from
forms-variants-count = { $count ->
    [one] { $count } picture
   *[other] { $count } pictures
}
forms-private = Only you see the picture
