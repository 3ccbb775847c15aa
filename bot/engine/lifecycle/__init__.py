"""
The steps of one task, from its preparation to the delivery of its outcome.

adoption.py            callbacks: take an outcome early, and recover creates whose answer was lost
begun_creates.py       queued tasks: begin creates, each stored before it is sent
claimed_jobs.py        compare the record of a job that a callback claims with the request
corrections.py         correct an "unconfirmed" message once the create turns out to have been accepted
unknown_failures.py    log failures that the bot does not know, without the prompt
lifecycle.py           advance a claimed task by one step
outcome_delivery.py    settled tasks: store the pictures, post the messages, remove the card
polling.py             generating tasks: poll the image API until there is an outcome
preparation.py         queued tasks: check, copy and upload their attachments
reference_fetching.py  download attachments, with a limit for each person and each host
several_creates.py     generating tasks whose model makes one picture per create: further creates, polls, the end
submission.py          submitting tasks: send the create, once
undelivered.py         outcomes that could not be delivered: retry, and hand over when the asker returns
"""
