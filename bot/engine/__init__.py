"""
The life of a task. Knows no Discord, no HTTP and no SQL.

engine.py              the engine: what people ask, what callbacks bring, and the periodic work
ports.py               the interfaces that the engine needs: image API, delivery, downloads
policy.py              limits and durations, from the settings and the image API's own limits

requests.py            accept, repeat, cancel and withhold a task
lifecycle.py           advance a claimed task by one step
checking.py            validate every request, whichever way it came
preparation.py         queued tasks: check, copy and upload their attachments
creation.py            submitting tasks: send the create, once
watching.py            generating tasks: poll the image API until there is an outcome
adoption.py            callbacks: take an outcome early, and recover creates whose answer was lost
telling.py             settled tasks: store the pictures, post the messages, remove the card
outcomes.py            load a task with everything that its messages show
correcting.py          correct an "unconfirmed" message once the create turns out to have been accepted
keeping.py             outcomes that could not be delivered: retry, and hand over when the asker returns
lookup.py              show a task again to the person who looks it up

result_fetching.py     download a result and store a copy of it
result_hosts.py        alert the operator about result hosts that are not allowed or refuse requests
late_pictures.py       keep trying to download results that were delivered as links
retention.py           delete stored copies when they are old enough
orphans.py             delete stored files that no row names
disk_space.py          refuse new files while the disk is nearly full

batches.py             several tasks from one request: propose, start, drop, cancel
batch_delivery.py      update the messages of a batch, and mention the asker once at the end
batch_view.py          what the messages of a batch show; pure functions

outbox.py              work through outbox rows of one kind: claim, attempt, retry, give up
curation.py            results after delivery: repost, report, hide, remove
reposts.py             repost a result: publish, show again, copy to a gallery
reports.py             reports: the moderators' message, and their decision
message_sync.py        bring messages of a result up to date: spoiler, removal, late pictures
erasures.py            erase what is stored about a person

board.py               what the waiting cards show
gate.py                whether creates may start now
account.py             pause creates while the API key or the credits need the operator
breaker.py             circuit breaker: pause creates while the image API is unreachable
operator.py            alert the operator, at most once a day for each reason

picture_work.py        decode pictures in child processes, within budgets of memory and time
thumbnails.py          make small pictures once and store them
room.py                a shared budget (bytes or slots) with fair queueing
reference_fetching.py  download attachments, with a limit for each person and each host
places.py              limit concurrent free work (lookups, exports) for each person

quarantine.py          after a crash: run the suspected work apart, to find the cause
suspects.py            ... for tasks
attempts.py            ... for outbox work

clock.py               the engine's clock: steady while the machine's clock jumps
timekeeping.py         choose the time to start with, and notice a changed clock
schedule.py            when to poll next and how long a picture takes; pure functions
reliance.py            whether callbacks arrive reliably, so that polls can be rarer
"""
