# Why there is no picture, or why something is refused: reason-<Reason> for every reason there is. Each says what to do
# next.

reason-too-many-open = { $allowed ->
    [one] You already have { $allowed } request waiting or running. Ask again when it is done, or cancel it.
   *[other] You already have { $allowed } requests waiting or running. Ask again when one of them is done, or cancel one.
}
reason-too-many-today = { $allowed ->
    [one] You have used your { $allowed } picture of the last 24 hours. Ask again { $free_at }.
   *[other] You have used your { $allowed } pictures of the last 24 hours. Ask again { $free_at }.
}
reason-service-full-today = { $allowed ->
    [one] I have made the { $allowed } picture I may make in 24 hours. Ask again { $free_at }.
   *[other] I have made the { $allowed } pictures I may make in 24 hours. Ask again { $free_at }.
}
reason-not-yours = Only the person who asked for this picture can do that. Type `/{ imagine-name }` to ask for your own.
reason-too-late-to-cancel = This one has already left the queue, so it can no longer be cancelled. Wait for it here.
reason-task-unknown = I no longer know this request. Type `/{ imagine-name }` to make a new one.
reason-asked-again-already = You have asked for this again already. Wait for that one.
reason-collected-already = That one is on its way to you already. Wait for it where you came for it first.
reason-no-longer-kept = I no longer keep that one for you: it has reached you by another way, or will. Look in the channel where you asked for it, and in your direct messages, or type `/{ imagine-name }` to ask anew.
reason-picture-gone = I no longer keep this picture. If you can still see it, choose “{ forms-menu }” on its message, or save it and attach it to `/{ imagine-name }`.
reason-original-gone = Neither I nor the image service keep the original any more. The picture in the message is the best there is: save that one.
reason-original-later = I cannot get at the original at the moment. Try again in a few minutes.
reason-form-gone = This form was open for too long. Open it again from the message.
reason-no-picture-there = There is no picture in that message that I can start from. Choose a message with a picture, or attach one to `/{ imagine-name }`.
reason-got-through = This one worked after all. Look for it in this channel, or type `/{ imagine-name }` to ask for another.
reason-blank-prompt = There is nothing to go by yet. Write what you would like to see, or attach a picture.
reason-stored-too-much = I keep { $used } MB of pictures for you, and with these it would be more than the { $allowed } MB that I may. Remove a set with `/{ reference-name } { reference-remove-name }`, erase what you no longer need with `/{ privacy-name } { privacy-erase-name }`, or attach smaller pictures.
reason-stored-too-much-today = You have brought { $used } MB of pictures in 24 hours, and with these it would be more than the { $allowed } MB that I may take. Ask again { $free_at }, or attach smaller pictures.
reason-stored-too-much-today-at-once = These pictures are larger than the { $allowed } MB that I may take from you in 24 hours. Attach smaller ones.
reason-disk-low = I have little room left for files, so I take no new pictures at the moment. Ask with words alone, or try again later. Whoever runs me has been told.
reason-disk-full = I have no room left to write that down. It cost nothing; try again later. Whoever runs me has to make room.
reason-too-long = { $allowed ->
    [one] There is room for { $allowed } character, and that is longer. Make it shorter and send it again.
   *[other] There is room for { $allowed } characters, and that is longer. Make it shorter and send it again.
}
reason-choice-unknown = That is not one of the choices I offer. Open it again and choose from the list.
reason-batch-too-large = { $allowed ->
    [one] One request here makes one picture after the other: groups in braces are switched off. Write one request for each, or put a backslash before a brace that is only a brace.
   *[other] The groups in braces make more requests than the { $allowed } that are allowed at once here. Take some of the words in them away.
}
reason-batch-nested = There is a group in braces inside another one, which could be meant in several ways. Write it with one level of braces, and put a backslash before a brace that is only a brace.
reason-batch-by-command = Words with a group in braces make several requests, and I have to ask you first whether I should. Type `/{ imagine-name }` with the same words. Put a backslash before a brace that is only a brace.
reason-batch-parameters = All pictures of one request have the same shape. Write `--ar` and the like once, behind the last brace, or ask for each shape on its own.
reason-batch-gone = I no longer know this question: you have answered it, or it stood here for more than 15 minutes. Ask again with the same words.
reason-batch-too-many-open = { $allowed ->
    [one] You may have { $allowed } request waiting or running at a time, and these would be more. Ask for them one after the other.
   *[other] You may have { $allowed } requests waiting or running at a time, and together with these you would have more. Wait until others are done and choose “{ batches-make }” once more, or ask again with fewer words in the braces.
}
reason-batch-too-many-today = { $allowed ->
    [one] You may have { $allowed } picture in 24 hours, and these would be more. Ask again { $free_at }, or with fewer words in the braces.
   *[other] You may have { $allowed } pictures in 24 hours, and with these you would have more. Ask again { $free_at }, or with fewer words in the braces.
}
reason-batch-too-many-today-at-once = { $allowed ->
    [one] You may have { $allowed } picture in 24 hours, and these are more. Ask again without braces.
   *[other] You may have { $allowed } pictures in 24 hours, and these are more. Ask again with fewer words in the braces.
}
reason-batch-service-full = { $allowed ->
    [one] I may make { $allowed } picture in 24 hours, and with these it would be more. Ask again { $free_at }, or with fewer words in the braces.
   *[other] I may make { $allowed } pictures in 24 hours, and with these it would be more. Ask again { $free_at }, or with fewer words in the braces.
}
reason-batch-service-full-at-once = { $allowed ->
    [one] I may make { $allowed } picture in 24 hours, and these are more. Ask again without braces.
   *[other] I may make { $allowed } pictures in 24 hours, and these are more. Ask again with fewer words in the braces.
}
reason-batch-nothing-waits = Nothing here waits in line any more, so there is nothing to cancel. Wait for the rest: it is being made already.
reason-not-found = I find nothing like that, or nothing that you may see. Choose one of your own from the list that appears while you type.
reason-too-late-to-post = This one is done already, and kept for you. Type `/{ show-name }` to see it; “{ curation-post-here }” below it posts it.
reason-too-late-to-withhold = It is too late for that: this one is done, or about to be posted. Look in the channel where you asked for it.
reason-looking-already = You are looking at several things at once, and I am still getting them. Wait for those, then ask again.
reason-exporting-already = Your files are being put together already. Wait until they are here, then ask again.
reason-not-this-server = I may not make pictures here. Ask whoever runs me to allow this place, or use me in a server where I am allowed.
reason-not-this-channel = Pictures are made in other channels of this server: { $channels }. Ask me there.
reason-too-many-references = That is more pictures than I can start from. Choose at most { $allowed }.
reason-missing-permissions = In this channel I still need permission to { $permissions }. Ask a moderator to allow it, or ask me in another channel.

reason-reference-empty = { $filename } is empty. Attach the picture again.
reason-reference-too-large = { $filename } is larger than { $megabytes } MB. Make it smaller and attach it again.
reason-reference-too-many-pixels = { $filename } has too many pixels for me. Make it smaller and attach it again.
reason-reference-not-a-picture = { $filename } is not a picture I can open. Attach a photo or a picture instead, such as a JPEG or PNG file.
reason-reference-format = { $filename } is in the format { $format }, which I cannot use. Save it as JPEG or PNG and attach it again.
reason-reference-animated = { $filename } is animated. Save one frame as JPEG, PNG or WebP and attach that.
reason-reference-too-small = { $filename } is { $width } × { $height } pixels. Attach a larger picture: each side needs at least 64.
reason-reference-too-long = { $filename } is { $width } × { $height } pixels, which is too long and narrow. Cut it to at most three times as long as wide and attach it again.
reason-references-unusable = { $count ->
    [one] One of these files cannot be used, so nothing was made or spent. Replace it and ask again.
   *[other] Of these files, { $count } cannot be used, so nothing was made or spent. Replace them and ask again.
}
reason-reference-too-complex = { $filename } is too much work to open. Make it smaller, or save it as a plain JPEG or PNG, and attach it again.
reason-reference-broken = { $filename } is damaged or cut short. Save it once more and attach it again.
reason-reference-misnamed = { $filename } is named like { $named } but is { $format } inside. Rename it to match and attach it again.
reason-reference-unfetchable = Discord no longer has { $filename }. Attach it again.
reason-attached-unusable = I tried several times and could not open what you attached. Ask again with another picture, or without one. This one cost you nothing.
reason-reference-erased = This request began with somebody else’s picture, and they have had it erased. Ask with `/{ imagine-name }` and a picture of your own.
reason-mask-without-image = A mask needs the picture it belongs to. Attach that as `{ option-image }`, or leave the mask out.
reason-mask-with-several = A mask works with exactly one picture. Attach only that picture, or leave the mask out.
reason-mask-size = The mask { $filename } is { $mask_width } × { $mask_height }, but the picture is { $width } × { $height }. Make the mask in the shape of the picture and attach both again.
reason-mask-not-black-and-white = The mask { $filename } is not black and white. Paint what may change black and the rest white, or make what may change transparent, then attach it again.
reason-mask-changes-nothing = With the mask { $filename } nothing would change. Paint what may change black, or make it transparent, then attach it again.

reason-policy = The image service does not allow this request. Try other words or another picture.
reason-reference-policy = The image service does not allow one of the attached pictures. Try another one.
reason-api-reference-too-large = The image service found an attached picture too large. Make it smaller and ask again.
reason-api-reference-too-small = The image service found an attached picture too small. Attach a larger one and ask again.
reason-api-reference-format = The image service could not read an attached picture. Save it as PNG or JPEG and ask again.
reason-api-reference-unfetchable = The image service could not download an attached picture. Ask again, or attach the picture anew.
reason-api-mask = The image service could not use the mask. Save the mask and its picture as PNG in the same size and ask again, or leave the mask out.
reason-generation-failed = The image service tried, and it did not work. Ask again, perhaps in other words.
reason-no-pictures = The image service said it was done but sent no picture. Ask again.
reason-invalid-request = The image service could not work with this request. Try it in other words, or with other pictures.
reason-account-key = The image service does not accept my key at the moment. Whoever runs me has to put that right; ask again later.
reason-account-credit = My credit with the image service is used up. Whoever runs me has to top it up; ask again later.
reason-account-quota = My quota with the image service is used up for now. Ask again later.
reason-service-fault = The image service has trouble of its own at the moment. Ask again in a few minutes.
reason-service-unreachable = The image service could not be reached for a whole day, so I stopped trying. Nothing was spent. Ask again later.
reason-unconfirmed = I lost the connection to the image service and cannot tell whether it took this request. You can ask again, but that may cost a second time.
reason-lost = The image service gave no answer for a whole day, so I stopped waiting. Ask again.
reason-discord-refuses = Discord is turning down many of my requests at the moment. Please try again in a few minutes.
reason-work-given-up = This could not be done, though I tried several times. Ask whoever runs me.
reason-nobody-told = I could not reach you. Type `/{ imagine-name }` where I may post, and I tell you of it there.
reason-result-host-not-allowed = The image service keeps your picture at a place that I may not fetch from. Wait a little; I bring it as soon as I can.
reason-result-host-refuses = The image service does not hand out your picture. Wait a little; I bring it as soon as I can.
reason-defect = Something went wrong on my side. Try again, and if it happens again, tell whoever runs me this number: { $number }.

reason-managers-only = Only people who may manage this server can do that. Ask one of them.
reason-moderators-only = Only people who may manage this server or its messages can do that. Ask one of them.
reason-channel-unusable = I cannot use { $channel }. Allow me there to { $permissions }, in the channel’s settings under Permissions, and choose it again, or choose another channel.
reason-style-unknown = This server has no style called { $name }. Type `/{ style-name } { style-list-name }` to see those it has.
reason-style-nameless = A style needs a name with letters in it. Type one and send it again.
reason-style-taken = This server already has a style called { $name }. Choose another name, or change that one with `/{ style-name } { style-edit-name }`.
reason-styles-full = { $allowed ->
    [one] A server can have { $allowed } style. Remove it before you add another.
   *[other] A server can have { $allowed } styles. Remove one before you add another.
}
reason-style-template = Write {"{prompt}"} into the template exactly once: that is where people’s own words go. For example: {"{prompt}"}, as a watercolour.
reason-style-unchanged = There is nothing to change in that yet. Choose what should be different: the name, the template, the shape, how many pictures, or the picture.
reason-style-with-mask = The style { $name } brings a picture of its own, and a mask goes with one picture alone. Leave the mask out, or choose another style.

reason-set-unknown = You have no set of pictures called { $name }. Type `/{ reference-name } { reference-list-name }` to see those you have.
reason-set-nameless = A set of pictures needs a name with letters in it. Type one and send it again.
reason-set-taken = You already have a set of pictures called { $name }. Choose another name, or remove that one with `/{ reference-name } { reference-remove-name }` first.
reason-sets-full = { $allowed ->
    [one] You can have { $allowed } set of pictures. Remove it before you save another.
   *[other] You can have { $allowed } sets of pictures. Remove one before you save another.
}
reason-replied-unseen = I cannot see the message you replied to. If there are pictures in it, open its menu, choose Apps and then “{ forms-menu }”; or attach them to your own message.
reason-replied-gone = The message you replied to is gone. Attach its picture to your own message, or ask without a reply.

# Where no day is long enough.
reason-too-many-today-at-once = This asks for more than the { $allowed } you may have in 24 hours. Ask for fewer pictures at once.
reason-service-full-today-at-once = This asks for more than the { $allowed } I may make in 24 hours. Ask for fewer pictures at once.

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

permission-view-channel = see this channel
permission-send-messages = send messages
permission-send-messages-in-threads = send messages in threads
permission-attach-files = attach files
permission-read-message-history = read the message history

answer-outdated = This command has changed. Reload Discord and try again.
answer-not-now = That does not work at the moment. Try again in a few minutes.

reason-not-yours-to-remove = Only the person who asked for it and the moderators can remove it. If something is wrong with it, tell one of them.
reason-not-yours-to-show = Only the person who asked for it and the moderators can put it into the gallery. Ask one of them.
reason-taken-out = This one was removed, or is hidden until the moderators decide. Choose another one.
reason-cannot-post-there = I cannot post in { $channel } for you: one of us may not write there any more. Ask a moderator, or save the picture and post it yourself.
reason-cannot-post-here = I can only answer you here, not post for everybody. Save the picture and post it yourself, or ask whoever runs this server to add me to it.
reason-gallery-unchosen = This server has no gallery yet. Somebody who may manage it can choose a channel with `/{ settings-name }`.
reason-reports-unchosen = This server has no channel for reports yet. Tell a moderator directly, or ask them to choose one with `/{ settings-name }`.
reason-reported-already = You have reported this one already. The moderators have it; wait for them to decide.
reason-decided-already = The moderators have decided about this one already. If you see it differently, write to one of them.
