# Why there is no picture, or why something is refused: reason-<Reason> for every reason there is. Each says what to do
# next.

reason-too-many-open = { $allowed ->
    [one] You already have { $allowed } request waiting or running. Ask again when it is done, or cancel it.
   *[other] You already have { $allowed } requests waiting or running. Ask again when one of them is done, or cancel one.
}
reason-too-many-today = { $allowed ->
    [one] You have had your { $allowed } picture of the last 24 hours. Ask again { $free_at }.
   *[other] You have had your { $allowed } pictures of the last 24 hours. Ask again { $free_at }.
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
reason-got-through = This one did get through after all. Look for it in this channel, or type `/{ imagine-name }` to ask for another.
reason-blank-prompt = There is nothing to go by yet. Write what you would like to see, or attach a picture.
reason-not-this-server = I may not make pictures here. Ask whoever runs me to allow this place, or use me in a server where I am allowed.
reason-not-this-channel = Pictures are made in other channels of this server: { $channels }. Ask me there.
reason-too-many-references = That is more pictures than I can start from. Choose at most { $allowed }.
reason-missing-permissions = In this channel I still need permission to { $permissions }. Ask a moderator to allow it, or ask me in another channel.

reason-reference-empty = { $filename } is empty. Attach the picture again.
reason-reference-too-large = { $filename } is larger than 25 MB. Make it smaller and attach it again.
reason-reference-too-many-pixels = { $filename } has too many pixels for me. Make it smaller and attach it again.
reason-reference-not-a-picture = { $filename } is not a picture I can open. Attach a JPEG, PNG or WebP file instead.
reason-reference-format = { $filename } is in the format { $format }, which I cannot use. Save it as JPEG, PNG or WebP and attach it again.
reason-reference-animated = { $filename } is animated. Save one frame as JPEG, PNG or WebP and attach that.
reason-reference-broken = { $filename } is damaged or cut short. Save it once more and attach it again.
reason-reference-misnamed = { $filename } is named like { $named } but is { $format } inside. Rename it to match and attach it again.
reason-reference-unfetchable = Discord no longer has { $filename }. Attach it again.
reason-mask-without-image = A mask needs the picture it belongs to. Attach that as `{ option-image }`, or leave the mask out.
reason-mask-with-several = A mask works with exactly one picture. Attach only that picture, or leave the mask out.
reason-mask-size = The mask { $filename } is { $mask_width } × { $mask_height }, but the picture is { $width } × { $height }. Make the mask exactly as large and attach both again.
reason-mask-not-black-and-white = The mask { $filename } is not black and white. Paint what may change black and the rest white, then attach it again.

reason-policy = The image service does not allow this request. Try other words or another picture.
reason-reference-policy = The image service does not allow one of the attached pictures. Try another one.
reason-api-reference-too-large = The image service found an attached picture too large. Make it smaller and ask again.
reason-api-reference-format = The image service could not read an attached picture. Save it as PNG or JPEG and ask again.
reason-api-reference-unfetchable = The image service could not get hold of an attached picture. Ask again, or attach the picture anew.
reason-generation-failed = The image service tried and did not manage. Ask again, perhaps in other words.
reason-no-pictures = The image service said it was done but sent no picture. Ask again.
reason-invalid-request = The image service could not work with this request. Try it in other words, or with other pictures.
reason-account-key = The image service does not accept my key at the moment. Whoever runs me has to put that right; ask again later.
reason-account-credit = My credit with the image service is used up. Whoever runs me has to top it up; ask again later.
reason-account-quota = My quota with the image service is used up for now. Ask again later.
reason-service-fault = The image service has trouble of its own at the moment. Ask again in a few minutes.
reason-service-unreachable = The image service could not be reached for a whole day, so I stopped trying. Nothing was spent. Ask again later.
reason-unconfirmed = I lost the line to the image service and cannot tell whether it took this request. You can ask again, but that may cost a second time.
reason-lost = The image service gave no answer for a whole day, so I stopped waiting. Ask again.
reason-nobody-told = I could not reach you. Type `/{ imagine-name }` where I may post, and I tell you of it there.
reason-defect = Something went wrong on my side. Try again, and if it happens again, tell whoever runs me this number: { $number }.

# Where no day is long enough.
reason-too-many-today-at-once = This asks for more than the { $allowed } you may have in 24 hours. Ask for fewer pictures at once.
reason-service-full-today-at-once = This asks for more than the { $allowed } I may make in 24 hours. Ask for fewer pictures at once.

# In place of what is not known.
unsaid-allowed = allowed
unsaid-channels = moderators know which
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
