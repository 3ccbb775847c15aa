tasks-name = tasks
tasks-command = Everything you’ve asked for, page by page
tasks-search = Only those with all of these words
tasks-heading = Your requests
tasks-with-words = With the words { $words }
tasks-page = { $count ->
    [one] 1 request
   *[other] { $count } requests, page { $page } of { $pages }
}
tasks-all = All of them
tasks-waiting = Waiting
tasks-done = Made
tasks-failed = No picture
tasks-cancelled = Cancelled
tasks-none = You haven’t asked for anything yet. Type `/{ imagine-name }` and say what you’d like to see.
tasks-none-waiting = Nothing of yours is waiting at the moment.
tasks-none-done = None of your requests is finished yet.
tasks-none-failed = All of your requests have worked so far.
tasks-none-cancelled = You haven’t cancelled any requests.
tasks-none-found = None of your requests has all of these words. Try fewer, or choose another kind below.
tasks-open = Open one
tasks-newer = Newer
tasks-older = Older
tasks-private = private
tasks-state-waiting = waiting
tasks-state-kept = finished, kept for you
tasks-state-withheld = kept for you, not posted
tasks-state-failed = no picture
tasks-state-cancelled = cancelled
tasks-state-removed = removed
tasks-state-done = { $count ->
    [one] 1 picture
   *[other] { $count } pictures
}
