"""
Work that waits in outbox rows: reposts, reports, batches, updates of messages, late pictures, erasures.

attempts.py       count attempts of work that may end the process, and give it up after too many deaths
batches.py        update the messages of a batch, and mention the asker once at the end
curation.py       results after delivery: repost, report, hide, remove
erasures.py       erase what is stored about a person
late_pictures.py  keep trying to download results that were delivered as links
message_sync.py   bring messages of a result up to date: spoiler, removal, late pictures
outboxes.py       all outboxes of a process, and who searches for their due rows
reports.py        reports: the moderators' message, and their decision
reposts.py        repost a result: publish, show again, copy to a gallery
worker.py         work through outbox rows of one kind: claim, attempt, retry, give up
"""
