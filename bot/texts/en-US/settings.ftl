# What a server chooses, in one panel.

settings-name = settings
settings-command = Choose how I work in this server

settings-heading = Settings of this server
settings-intro = Changes apply at once.

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
settings-moderators-chosen = Reports go to { $channel }. Everyone who can read it sees the reported pictures.
settings-moderators-none = No channel yet, so pictures can’t be reported. Choose one that only moderators can read.
settings-moderators-hint = Choose a channel for reports
settings-moderators-reset = No reports

settings-models = Models that people can choose
settings-models-all = all models
settings-models-gone = Not available now: { $models }.
settings-models-none-left = None of the models chosen here is available now, so all that are available are offered.
settings-model = Model, unless someone chooses another
settings-model-other = { $model } isn’t offered here, so { $used } is used.
settings-model-unknown = a model I no longer know
settings-size = Shape, unless someone chooses another
settings-variants = Number of pictures, unless someone chooses another
settings-batch = Requests from one prompt with {"{red, green}"}
settings-batch-count = { $count ->
    [one] up to { $count } request
   *[other] up to { $count } requests
}
settings-language = Language of messages for everyone
settings-language-own = the language of the person who asks
settings-language-itself = English

settings-gone = { $count ->
    [one] { $count } channel chosen here is gone, or hidden from me. Choose again, or press “{ $reset }”.
   *[other] { $count } channels chosen here are gone, or hidden from me. Choose again, or press “{ $reset }”.
}
settings-some = { $count ->
    [one] { $some } and { $count } more
   *[other] { $some } and { $count } more
}
settings-none = none

settings-changes = Last changes
settings-no-changes = Nothing has been changed yet.
settings-change = { $setting }: { $chosen }, by { $by } { $when }
