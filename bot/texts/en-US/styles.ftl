# A server's styles: named templates for the words of a picture.

style-name = style
style-command = Named styles of this server
style-add-name = add
style-add-command = Add a style: a template that people’s own words go into
style-edit-name = edit
style-edit-command = Change a style
style-remove-name = remove
style-remove-command = Remove a style
style-list-name = list
style-list-command = See the styles of this server

style-option-name = The name people choose it by
style-option-which = Which style
style-option-new-name = Another name for it
style-option-template = The words around: put {"{prompt}"} where people’s own words go
style-option-size = The shape of its pictures
style-option-variants = How many pictures it makes
style-option-picture = A picture that every request starts from, in any common format, up to 50 MB
style-option-remove-picture = Remove its picture
style-option-imagine = A style of this server that your words go into
style-server-size = the server’s default
style-server-variants = the server’s default
style-variants = { $count ->
    [one] { $count } picture
   *[other] { $count } pictures
}

style-added = The style { $name } is ready. People choose it with `{ option-style }` in `/{ imagine-name }`.
style-changed = The style { $name } has been changed.
style-remove-question = Remove the style { $name }? This can’t be undone. Pictures made with it stay.
style-remove-button = Remove
style-removed-already = This style is already gone.
style-removed = The style { $name } is gone. Pictures made with it stay.

style-heading = Styles of this server
style-none = This server has no styles yet. Its moderators can add one with `/{ style-name } { style-add-name }`.
style-how = Choose one with `{ option-style }` in `/{ imagine-name }`.
style-with-picture = starts from a picture
style-page = page { $page } of { $pages }
style-earlier = Earlier
style-later = Later

style-preview = { $name }: { $words }
