# What is stored about a person, for that person.

privacy-name = privacy
privacy-command = What I have stored about you
privacy-show-name = show
privacy-show-command = See what I have stored about you
privacy-export-name = export
privacy-export-command = Get a file of what I have stored about you

privacy-heading = What I have stored about you
privacy-tasks = Requests: { $count }
privacy-copies = Copies of pictures: { $count }
privacy-sets = Sets of pictures: { $count }
privacy-batches = Batches: { $count }
privacy-reports = Reports you made: { $count }
privacy-changes = Settings and styles you changed: { $count }
privacy-since = The oldest request is from <t:{ $at }:D>.
privacy-kept = { $days ->
    [one] Copies of a request's pictures go { $days } day after it has ended. Get it all with `/{ privacy-name } { privacy-export-name }`. Only you see this.
   *[other] Copies of a request's pictures go { $days } days after it has ended. Get it all with `/{ privacy-name } { privacy-export-name }`. Only you see this.
}
privacy-exported = Here is what I have stored about you, with the pictures I still have. Only you see this.
privacy-exported-part = { $count ->
    [one] Here is what I have stored about you. { $count } picture found no room in the file. Only you see this.
   *[other] Here is what I have stored about you. { $count } pictures found no room in the file. Only you see this.
}
