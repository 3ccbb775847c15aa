# What a person chooses for their own requests, in one panel.

preferences-name = preferences
preferences-command = Choose your own defaults: model, shape, number, who sees it, words

preferences-heading = Your own defaults
preferences-intro = They apply wherever you ask for pictures and choose nothing else. Changes apply at once. Only you see this.

preferences-model = Model
preferences-size = Shape of pictures from words alone
preferences-variants = Number of pictures
preferences-private = Who sees your pictures
preferences-private-yes = only you
preferences-private-no = everyone in the channel

preferences-usual = As usual here: { $usual }

preferences-words = Words that are always added
preferences-words-none = None. For example “soft light, muted colors”.
preferences-words-change = Change
preferences-words-label = Added at the end of what you ask for
preferences-words-hint = Plain words. Leave this empty to add none.
preferences-reset = Reset all
