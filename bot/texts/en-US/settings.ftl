# What a server chooses, in one panel.

settings-name = settings
settings-command = Choose how I work in this server

settings-heading = Settings of this server
settings-intro = What you choose counts at once.

settings-channels = Where pictures are made
settings-channels-chosen = In { $channels }, and in threads there.
settings-channels-hint = Choose channels
settings-everywhere = Everywhere

settings-gallery = Gallery
settings-gallery-chosen = Good pictures are copied to { $channel }.
settings-gallery-none = No gallery. With one, people can copy good pictures there.
settings-gallery-hint = Choose a channel for the gallery
settings-gallery-reset = No gallery

settings-moderators = Moderators’ channel
settings-moderators-chosen = Reported pictures are decided on in { $channel }. Whoever reads it sees them.
settings-moderators-none = No channel yet, so pictures cannot be reported. Choose one that only moderators read.
settings-moderators-hint = Choose a channel for reports
settings-moderators-reset = No reports

settings-batch = Requests made from one, with {"{red, green}"} in the words
settings-batch-count = { $count ->
    [one] up to { $count } request
   *[other] up to { $count } requests
}
settings-size = Shape, where nobody chooses
settings-variants = Pictures at once, where nobody chooses
settings-language = Language of what everybody reads
settings-language-own = the language of whoever asks
settings-language-itself = English

settings-gone = { $count ->
    [one] { $count } channel chosen here is gone, or hidden from me. Choose again, or press “{ $reset }”.
   *[other] { $count } channels chosen here are gone, or hidden from me. Choose again, or press “{ $reset }”.
}
settings-some = { $count ->
    [one] { $channels } and { $count } more
   *[other] { $channels } and { $count } more
}
settings-none = none

settings-changes = Last changes
settings-no-changes = Nothing has been changed yet.
settings-change = { $setting }: { $chosen }, by { $by } { $when }
