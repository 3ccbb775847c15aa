# A person's own sets of pictures, to start from again and again.

reference-name = reference
reference-command = Your own sets of pictures to start from
reference-save-name = save
reference-save-command = Save up to five pictures under a name of your own
reference-use-name = use
reference-use-command = Make pictures that start from one of your sets
reference-list-name = list
reference-list-command = See your sets of pictures
reference-remove-name = remove
reference-remove-command = Remove one of your sets of pictures

reference-option-name = Its name, such as: my character
reference-option-image = A picture to keep, in any common format, up to 50 MB
reference-option-which = Which of your sets
reference-option-prompt = What you’d like to see; leave it out to get a form
reference-option-imagine = One of your own sets of pictures to start from
reference-choice = { $count ->
    [one] { $name } ({ $count } picture)
   *[other] { $name } ({ $count } pictures)
}

reference-saved = { $count ->
    [one] The set { $name } is saved, with { $count } picture. Start from it with `/{ reference-name } { reference-use-name }`, or with `{ option-reference }` in `/{ imagine-name }`.
   *[other] The set { $name } is saved, with { $count } pictures. Start from it with `/{ reference-name } { reference-use-name }`, or with `{ option-reference }` in `/{ imagine-name }`.
}
reference-remove-question = Remove the set { $name } and my copies of its pictures? This can’t be undone.
reference-remove-button = Remove
reference-removed-already = This set is already gone.
reference-removed = The set { $name } is gone, and my copies of its pictures with it.

reference-heading = Your sets of pictures
reference-none = You have no sets of pictures yet. Save one with `/{ reference-name } { reference-save-name }`.
reference-how = Start from one with `/{ reference-name } { reference-use-name }`, or with `{ option-reference }` in `/{ imagine-name }`. Only you see this.
reference-count = { $count ->
    [one] { $count } picture
   *[other] { $count } pictures
}
reference-alt = The pictures of the set { $name }
reference-page = page { $page } of { $pages }
reference-earlier = Earlier
reference-later = Later

reference-form-title = Start from your set
