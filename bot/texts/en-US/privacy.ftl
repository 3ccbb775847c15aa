# What is stored about a person, for that person.

privacy-name = privacy
privacy-command = What I have stored about you
privacy-show-name = show
privacy-show-command = See what I have stored about you
privacy-export-name = export
privacy-export-command = Get a file of what I have stored about you

privacy-erase-name = erase
privacy-erase-command = Erase what I have stored about you

privacy-heading = What I have stored about you
privacy-tasks = Requests: { $count }
privacy-copies = Copies of pictures: { $count }
privacy-sets = Sets of pictures: { $count }
privacy-batches = Batches: { $count }
privacy-proposals = Questions you haven’t answered: { $count }
privacy-proposals-kept = A question that isn’t answered is deleted within two hours.
privacy-reports = Reports you made: { $count }
privacy-changes = Settings and styles you changed: { $count }
privacy-since = The oldest request is from <t:{ $at }:D>.
privacy-drafts = Forms you have open: { $count }
privacy-preferences = { $count ->
    [0] Your own defaults: none
    [one] Your own defaults
   *[other] Your own defaults
}
privacy-reposts = Results posted again for you: { $count }
privacy-kept = { $days ->
    [one] Copies of a request’s pictures are deleted { $days } day after it ends; those of sets and styles stay until they are removed. Only you see this.
   *[other] Copies of a request’s pictures are deleted { $days } days after it ends; those of sets and styles stay until they are removed. Only you see this.
}
privacy-ways = Get it all with `/{ privacy-name } { privacy-export-name }`, or have it erased with `/{ privacy-name } { privacy-erase-name }`.
privacy-under-way = On { $at } you asked me to erase everything. I’m still at it, and I’ll tell you when it’s done.

privacy-exported = Here is what I have stored about you, with the pictures I still have. Only you see this.
privacy-exported-more = More of your pictures, part { $number }.
privacy-exported-part = { $count ->
    [one] { $count } file isn’t in it. { privacy-left-file } in the last one says which and why. Look for a picture with `/{ show-name }`.
   *[other] { $count } files aren’t in it. { privacy-left-file } in the last one says which and why. Look for pictures with `/{ show-name }`.
}
privacy-folder-pictures = pictures
privacy-folder-attached = attached
privacy-folder-sets = sets
privacy-left-file = left-out.txt
privacy-left-heading = These files are not in the export:
privacy-left-gone = I no longer have it.
privacy-left-too-large = It’s larger than the files I can send here. Export again in a direct message with me or in another server.
privacy-left-no-room = I can’t send more files at once here. Export again in a direct message with me.
privacy-export-readme =
    What Atelier has stored about you.

    data.json (or data-1.json and so on, if there is much) has your requests and what became of them, your batches, questions you haven’t answered, sets, reports, open forms, your own defaults, results posted again for you, and the settings and styles you changed. Times are in UTC. Numbers of channels, servers and messages are those of Discord.
    { privacy-folder-pictures } has the pictures made for you, { privacy-folder-attached } what you attached, { privacy-folder-sets } the pictures of your sets. Each name has the day, the first words, and the number.
    Other files of this export contain more. If anything is missing, { privacy-left-file } in the last file says which and why.

privacy-erase-heading = Shall I erase what I have stored about you?
privacy-erase-what =
    Everything listed is erased and can’t be restored. What is still in line is cancelled; what is being made is already paid for, so it’ll be finished but not posted.
    Your messages in Discord stay unless you have them removed too. Their buttons stop working either way.
privacy-erase-stays = What others made from your results is theirs and stays, without your name and without the pictures you attached. For 24 hours I’ll remember how many pictures you had, because of the limits. Backups and the image service keep their copies for a while; whoever runs me can say for how long.
privacy-erase-keep = Erase
privacy-erase-remove = Erase, and remove my messages
privacy-erase-not = Keep everything
privacy-erase-kept = Nothing was erased.
privacy-erasing = Erasing. What is still being made may take a few minutes; I’ll tell you here, or by direct message, when it’s done.
privacy-erasing-already = I’m already erasing it, and I’ll tell you when it’s done.
privacy-receipt = Erased
privacy-receipt-number = Receipt { $number }, { $at }
privacy-erase-nothing = There’s nothing to erase: I have stored nothing about you.
privacy-erase-elsewhere = If others used your avatar or a picture of yours in what they asked for, I can erase those copies.
privacy-receipt-nothing = There was nothing left to erase.
privacy-setting-changes = Settings you changed: { $count }
privacy-styles = Styles you changed last: { $count }
