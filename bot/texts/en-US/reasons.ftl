# Why there is no picture, or why something is refused: reason-<Reason> for every reason there is. Each says what to do
# next.

reason-too-many-open = { $allowed ->
    [one] You already have { $allowed } request waiting or running. Ask again when it is done, or cancel it.
   *[other] You already have { $allowed } requests waiting or running. Ask again when one of them is done, or cancel one.
}
reason-too-many-today = { $allowed ->
    [one] You’ve used your { $allowed } picture of the last 24 hours. Ask again { $free_at }.
   *[other] You’ve used your { $allowed } pictures of the last 24 hours. Ask again { $free_at }.
}
reason-service-full-today = { $allowed ->
    [one] I’ve made the { $allowed } picture I can make in 24 hours. Ask again { $free_at }.
   *[other] I’ve made the { $allowed } pictures I can make in 24 hours. Ask again { $free_at }.
}
reason-not-yours = Only the person who asked for this picture can do that. Type `/{ imagine-name }` to ask for your own.
reason-too-late-to-cancel = This one has already left the queue, so it can’t be cancelled any more. Wait for it here.
reason-task-unknown = I no longer know this request. Type `/{ imagine-name }` to make a new one.
reason-asked-again-already = You’ve already asked for this again. Wait for that one.
reason-collected-already = That one is already on its way to you. Look where you first opened it.
reason-no-longer-kept = I no longer keep that one for you: it has reached you another way, or soon will. Look in the channel where you asked for it and in your direct messages, or type `/{ imagine-name }` to ask again.
reason-picture-gone = I no longer keep this picture. If you can still see it, choose “{ forms-menu }” on its message, or save it and attach it to `/{ imagine-name }`.
reason-original-gone = Neither I nor the image service have the original any more. The picture in the message is the best copy left, so save that one.
reason-original-later = I can’t get the original at the moment. Try again in a few minutes.
reason-form-gone = This form was open for too long. Open it again from the message.
reason-no-picture-there = There’s no picture in that message I can start from. Choose a message with a picture, or attach one to `/{ imagine-name }`.
reason-got-through = This one worked after all. Look for it in this channel, or type `/{ imagine-name }` to ask for another.
reason-blank-prompt = There’s nothing to go by yet. Write what you’d like to see, or attach a picture.
reason-stored-too-much = I’m storing { $used } MB of pictures for you, and with these it would be more than the { $allowed } MB allowed. Remove a set with `/{ reference-name } { reference-remove-name }`, erase what you no longer need with `/{ privacy-name } { privacy-erase-name }`, or attach smaller pictures.
reason-stored-too-much-today = You’ve attached { $used } MB of pictures in 24 hours, and with these it would be more than the { $allowed } MB allowed. Ask again { $free_at }, or attach smaller pictures.
reason-stored-too-much-today-at-once = These pictures are larger than the { $allowed } MB I can take from you in 24 hours. Attach smaller ones.
reason-disk-low = I’m short of room for files, so I can’t take new pictures at the moment. Ask with words alone, or try again later. Whoever runs me has been told.
reason-disk-full = I have no room left to store that. It cost nothing; try again later. Whoever runs me has to make room.
reason-too-long = { $allowed ->
    [one] That’s too long: there’s room for { $allowed } character. Make it shorter and send it again.
   *[other] That’s too long: there’s room for { $allowed } characters. Make it shorter and send it again.
}
reason-choice-unknown = That isn’t one of the choices. Open it again and choose from the list.
reason-batch-too-large = { $allowed ->
    [one] Groups in braces are switched off here. Ask for one thing at a time, or put a backslash before a brace that is only a brace.
   *[other] The groups in braces make more than the { $allowed } requests allowed at once here. Use fewer words in the braces.
}
reason-batch-nested = There’s a group in braces inside another one, which could mean several things. Use one level of braces, and put a backslash before a brace that is only a brace.
reason-batch-by-command = Words with a group in braces make several requests, and I have to ask you first. Type `/{ imagine-name }` with the same words, or put a backslash before a brace that is only a brace.
reason-batch-parameters = All pictures of one request have the same shape. Write `--ar` and the like once, after the last brace, or ask for each shape separately.
reason-batch-gone = I no longer know this question: you’ve answered it, or it was open for more than 15 minutes. Ask again with the same words.
reason-batch-too-many-open = { $allowed ->
    [one] You can have { $allowed } request waiting or running at a time, and these would be too many. Ask for them one at a time.
   *[other] You can have { $allowed } requests waiting or running at a time, and these would be too many. Wait until others are done and choose “{ batches-make }” again, or ask again with fewer words in the braces.
}
reason-batch-too-many-today = { $allowed ->
    [one] You can have { $allowed } picture in 24 hours, and these would be too many. Ask again { $free_at }, or with fewer words in the braces.
   *[other] You can have { $allowed } pictures in 24 hours, and these would be too many. Ask again { $free_at }, or with fewer words in the braces.
}
reason-batch-too-many-today-at-once = { $allowed ->
    [one] You can have { $allowed } picture in 24 hours, and these are too many. Ask again without braces.
   *[other] You can have { $allowed } pictures in 24 hours, and these are too many. Ask again with fewer words in the braces.
}
reason-batch-service-full = { $allowed ->
    [one] I can make { $allowed } picture in 24 hours, and these would be too many. Ask again { $free_at }, or with fewer words in the braces.
   *[other] I can make { $allowed } pictures in 24 hours, and these would be too many. Ask again { $free_at }, or with fewer words in the braces.
}
reason-batch-service-full-at-once = { $allowed ->
    [one] I can make { $allowed } picture in 24 hours, and these are too many. Ask again without braces.
   *[other] I can make { $allowed } pictures in 24 hours, and these are too many. Ask again with fewer words in the braces.
}
reason-batch-nothing-waits = Nothing here is waiting in line any more, so there’s nothing to cancel. Wait for the rest: it’s already being made.
reason-not-found = I can’t find anything like that, or you aren’t allowed to see it. Choose one of your own from the list that appears while you type.
reason-too-late-to-post = This one is already done, and kept for you. See it with `/{ show-name }`; “{ curation-post-here }” below it posts it.
reason-too-late-to-withhold = It’s too late for that: this one is done, or about to be posted. Look in the channel where you asked for it.
reason-looking-already = You’re opening several things at once, and I’m still getting them. Wait for those, then ask again.
reason-exporting-already = I’m already putting your files together. Wait until they’re here, then ask again.
reason-not-this-server = I’m not allowed to make pictures here. Ask whoever runs me to allow this place, or use me in a server where I’m allowed.
reason-not-this-channel = Pictures are made in other channels of this server: { $channels }. Ask me there.
reason-too-many-references = { $allowed ->
    [one] { $model } starts from { $allowed } picture. Choose one
   *[other] { $model } starts from at most { $allowed } pictures. Choose fewer
}{ $others ->
    [none] .
   *[some] , or a model that takes as many: { $models }.
}
reason-missing-permissions = In this channel I still need permission to { $permissions }. Ask a moderator to allow it, or ask me in another channel.

reason-reference-empty = { $filename } is empty. Attach the picture again.
reason-reference-too-large = { $filename } is larger than { $megabytes } MB. Make it smaller and attach it again.
reason-reference-too-many-pixels = { $filename } has too many pixels for me. Make it smaller and attach it again.
reason-reference-not-a-picture = { $filename } isn’t a picture I can open. Attach a photo or a picture instead, such as a JPEG or PNG file.
reason-reference-format = { $filename } is in the format { $format }, which I can’t use. Save it as JPEG or PNG and attach it again.
reason-reference-animated = { $filename } is animated. Save one frame as JPEG, PNG or WebP and attach that.
reason-reference-too-small = { $filename } is { $width } × { $height } pixels. Attach a larger picture: each side needs at least 64.
reason-reference-too-long = { $filename } is { $width } × { $height } pixels, which is too long and narrow. Cut it to at most three times as long as wide and attach it again.
reason-references-unusable = { $count ->
    [one] One of these files can’t be used, so nothing was made or spent. Replace it and ask again.
   *[other] Of these files, { $count } can’t be used, so nothing was made or spent. Replace them and ask again.
}
reason-reference-too-complex = { $filename } is too complex for me to open. Make it smaller, or save it as a plain JPEG or PNG, and attach it again.
reason-reference-broken = { $filename } is damaged or cut short. Save it again and attach the new file.
reason-reference-misnamed = { $filename } is named like { $named } but is { $format } inside. Rename it to match and attach it again.
reason-reference-unfetchable = Discord no longer has { $filename }. Attach it again.
reason-attached-unusable = I tried several times and couldn’t open what you attached. Ask again with another picture, or without one. This one cost you nothing.
reason-reference-erased = This request started from someone else’s picture, and they’ve had it erased. Ask with `/{ imagine-name }` and a picture of your own.
reason-mask-without-image = A mask needs the picture it belongs to. Attach that as `{ option-image }`, or leave the mask out.
reason-mask-with-several = A mask works with exactly one picture. Attach only that picture, or leave the mask out.
reason-mask-size = The mask { $filename } is { $mask_width } × { $mask_height }, but the picture is { $width } × { $height }. Make the mask in the shape of the picture and attach both again.
reason-mask-not-black-and-white = The mask { $filename } isn’t black and white. Paint what may change black and the rest white, or make what may change transparent, then attach it again.
reason-mask-changes-nothing = With the mask { $filename } nothing would change. Paint what may change black, or make it transparent, then attach it again.

reason-policy = The image service doesn’t allow this request. Try other words or another picture.
reason-reference-policy = The image service doesn’t allow one of the attached pictures. Try another one.
reason-api-reference-too-large = The image service found an attached picture too large. Make it smaller and ask again.
reason-api-reference-too-small = The image service found an attached picture too small. Attach a larger one and ask again.
reason-api-reference-format = The image service couldn’t read an attached picture. Save it as PNG or JPEG and ask again.
reason-api-reference-unfetchable = The image service couldn’t download an attached picture. Ask again, or attach the picture again.
reason-api-mask = The image service couldn’t use the mask. Save the mask and its picture as PNG in the same size and ask again, or leave the mask out.
reason-generation-failed = The image service tried, but it didn’t work. Ask again, perhaps in other words.
reason-no-pictures = The image service said it was done but sent no picture. Ask again.
reason-invalid-request = The image service couldn’t work with this request. Try it in other words, or with other pictures.
reason-model-unavailable = The image service can’t make this with the chosen model at the moment. Type `/{ imagine-name }` and choose another model.
reason-account-key = The image service isn’t accepting my key at the moment. Whoever runs me has to fix that; ask again later.
reason-account-credit = My credit with the image service is used up. Whoever runs me has to top it up; ask again later.
reason-account-quota = My quota with the image service is used up for now. Ask again later.
reason-service-fault = The image service is having trouble at the moment. Ask again in a few minutes.
reason-service-unreachable = I couldn’t reach the image service for a whole day, so I stopped trying. Nothing was spent. Ask again later.
reason-unconfirmed = I lost the connection to the image service and can’t tell whether it took this request. You can ask again, but that may cost a second time.
reason-restored = I had to be restored from a backup and can’t tell whether this request was made since. You can ask again, but that may cost a second time.
reason-lost = The image service gave no answer for a whole day, so I stopped waiting. Ask again.
reason-discord-refuses = Discord is turning down many of my requests at the moment. Try again in a few minutes.
reason-work-given-up = I tried several times and couldn’t do this. Contact whoever runs me.
reason-nobody-told = I couldn’t reach you. Type `/{ imagine-name }` where I can post, and I’ll tell you there.
reason-result-host-not-allowed = The image service keeps your picture in a place I’m not allowed to download from. Wait a little; I’ll bring it as soon as I can.
reason-result-host-refuses = The image service isn’t handing out your picture. Wait a little; I’ll bring it as soon as I can.
reason-defect = Something went wrong on my side. Try again, and if it happens again, give whoever runs me this number: { $number }.

reason-managers-only = Only people who can manage this server can do that. Ask one of them.
reason-moderators-only = Only people who can manage this server or its messages can do that. Ask one of them.
reason-channel-unusable = I can’t use { $channel }. In the channel’s settings, under Permissions, allow me to { $permissions }, and choose it again; or choose another channel.
reason-style-unknown = This server has no style called { $name }. Type `/{ style-name } { style-list-name }` to see the ones it has.
reason-style-nameless = A style needs a name with letters in it. Type one and send it again.
reason-style-taken = This server already has a style called { $name }. Choose another name, or change that one with `/{ style-name } { style-edit-name }`.
reason-styles-full = { $allowed ->
    [one] A server can have { $allowed } style. Remove it before you add another.
   *[other] A server can have { $allowed } styles. Remove one before you add another.
}
reason-style-template = Write {"{prompt}"} into the template exactly once: that is where people’s own words go. For example: {"{prompt}"}, as a watercolor.
reason-added-words-blank = There are no words in it. Write some, or leave the field empty to add none.
reason-added-words-plain = I can add plain words only. Remove mentions, emoji of a server, braces, and parameters such as `--ar`.
reason-style-unchanged = There’s nothing to change yet. Choose what should be different: the name, the template, the shape, how many pictures, or the picture.
reason-style-with-mask = The style { $name } has a picture of its own, and a mask works with only one picture. Leave the mask out, or choose another style.

reason-set-unknown = You have no set of pictures called { $name }. Type `/{ reference-name } { reference-list-name }` to see the ones you have.
reason-set-nameless = A set of pictures needs a name with letters in it. Type one and send it again.
reason-set-taken = You already have a set of pictures called { $name }. Choose another name, or remove that one with `/{ reference-name } { reference-remove-name }` first.
reason-sets-full = { $allowed ->
    [one] You can have { $allowed } set of pictures. Remove it before you save another.
   *[other] You can have { $allowed } sets of pictures. Remove one before you save another.
}
reason-replied-unseen = I can’t see the message you replied to. If it has pictures, open its menu, choose Apps and then “{ forms-menu }”; or attach them to your own message.
reason-replied-gone = The message you replied to is gone. Attach its picture to your own message, or ask without a reply.

# Where no day is long enough.
reason-too-many-today-at-once = This asks for more than the { $allowed } you can have in 24 hours. Ask for fewer pictures at once.
reason-service-full-today-at-once = This asks for more than the { $allowed } I can make in 24 hours. Ask for fewer pictures at once.

# In place of what is not known.
unsaid-allowed = allowed
unsaid-channels = moderators know which
unsaid-channel = that channel
unsaid-name = that name
unsaid-permissions = post here
unsaid-filename = One of the files
unsaid-format = another format
unsaid-named = something else
unsaid-number = none
unsaid-model = This model
unsaid-more-files = { $count ->
    [one] and { $count } more file
   *[other] and { $count } more files
}

permission-view-channel = see this channel
permission-send-messages = send messages
permission-send-messages-in-threads = send messages in threads
permission-attach-files = attach files
permission-read-message-history = read the message history

answer-outdated = This command has changed. Reload Discord and try again.
answer-database-away = I can’t get at my records at the moment. Try again in a minute.
answer-database-uncertain = I lost my records for a moment, and can’t tell whether this was saved. Look at `/{ tasks-name }` in a minute before you ask again.
answer-not-now = That doesn’t work at the moment. Try again in a few minutes.

reason-not-yours-to-remove = Only the person who asked for it and the moderators can remove it. If something is wrong with it, tell one of them.
reason-not-yours-to-show = Only the person who asked for it and the moderators can add it to the gallery. Ask one of them.
reason-taken-out = This one was removed, or is hidden until the moderators decide. Choose another one.
reason-cannot-post-there = I can’t post in { $channel } for you: one of us is no longer allowed to write there. Ask a moderator, or save the picture and post it yourself.
reason-cannot-post-here = I can only answer you here, not post for everyone. Save the picture and post it yourself, or ask whoever runs this server to add me to it.
reason-gallery-unchosen = This server has no gallery yet. Someone who can manage it can choose a channel with `/{ settings-name }`.
reason-reports-unchosen = This server has no channel for reports yet. Tell a moderator directly, or ask them to choose one with `/{ settings-name }`.
reason-reported-already = You’ve already reported this one. The moderators have it; wait for them to decide.
reason-decided-already = The moderators have already decided about this one. If you see it differently, write to one of them.

# What a model cannot make. $models: names of other models that can, $others: `none` or `some`.
reason-model-unknown = I don’t know a model called { $named }. { $others ->
    [near] Do you mean { $models }? Choose one from the list of `{ option-model }`.
    [some] Choose { $models }.
   *[none] Choose one from the list of `{ option-model }`.
}
reason-model-off = { $model } isn’t available at the moment.{ $others ->
    [none] { "" } Ask again later.
   *[some] { "" } Choose { $models }.
}
reason-model-not-here = This server doesn’t offer { $model }.{ $others ->
    [none] { "" } Ask someone who can manage it to change that with `/{ settings-name }`.
   *[some] { "" } Choose { $models }.
}
reason-size-unknown = I don’t know the shape { $named }. With { $model }, choose { $sizes }.
reason-size-is-resolution = The resolution { $resolution } belongs in `{ option-resolution }`. For the shape, with { $model }, choose { $sizes }.
reason-size-lacking = { $model } doesn’t make the shape { $size }. Choose { $nearest_size }{ $others ->
    [none] .
   *[some] , or a model that makes it: { $models }.
}
reason-size-of-no-picture = There’s no picture whose shape I could use. Attach one as `{ option-image }`, or choose another shape.
reason-size-not-in-resolution = { $model } makes no { $size } picture in { $resolution }. Choose { $nearest_resolution }, or another shape such as { $nearest_size }.
reason-resolution-lacking = { $model } doesn’t make { $named }. Choose { $resolutions }.
reason-resolution-is-size = The shape { $size } belongs in `{ option-size }`. Leave the resolution out, or choose one from its list.
reason-resolution-unchosen = { $model } has no choice of resolution. Ask without one{ $others ->
    [none] .
   *[some] , or choose a model that makes { $named }: { $models }.
}
reason-background-lacking = { $model } can’t make the background transparent. Ask without it{ $others ->
    [none] .
   *[some] , or choose a model that can: { $models }.
}
reason-background-not-in-resolution = { $model } makes no transparent background in { $resolution }. Choose { $nearest_resolution }, or leave the background as it is.
reason-variants-lacking = { $model } makes { $numbers } pictures at a time. Choose one of these numbers.
reason-enhance-lacking = { $model } can’t add detail to your words. Ask without `{ option-enhance }`{ $others ->
    [none] .
   *[some] , or choose a model that can: { $models }.
}
reason-fallback-lacking = No other model steps in for { $model }. Ask without `{ option-fallback }`{ $others ->
    [none] .
   *[some] , or choose { $models }.
}
reason-references-lacking = { $model } works from words alone. Remove the pictures{ $others ->
    [none] .
   *[some] , or choose a model that starts from pictures: { $models }.
}
reason-mask-lacking = { $model } takes no mask. Remove the mask{ $others ->
    [none] .
   *[some] , or choose a model that takes one: { $models }.
}
reason-prompt-too-long = { $model } takes at most { $allowed } characters. Make it shorter{ $others ->
    [none] .
   *[some] , or choose a model that takes more: { $models }.
}
reason-prompt-too-short = { $model } needs at least { $allowed } characters. Write a little more.
reason-prompt-missing = { $model } needs words as well as pictures. Write what you’d like to see{ $others ->
    [none] .
   *[some] , or choose a model that manages without: { $models }.
}
