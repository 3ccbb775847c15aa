"""
The life of a task, from the request to the outcome and what people do with it later. Knows no Discord, no HTTP and no
SQL. Each room imports only rooms below it in this list.

engine.py      put the rooms together, and run the periodic jobs
due_tasks.py   claim the tasks that are due, and advance each by one step
intake/        what people ask of the engine: new tasks and batches, and the checks of every request
lifecycle/     the steps of one task, from its preparation to the delivery of its outcome
outbox/        work that waits in outbox rows: reposts, reports, batches, updates of messages, late pictures, erasures
cards/         what cards show
housekeeping/  delete what is no longer needed
work/          budgets and isolation of work that takes memory or may end the process
availability/  whether work may start now, and what the operator has to know
processes/     the processes that share one database
timing/        when to poll, how long pictures take, and what time it is
outcomes.py    load a task with everything that its messages show
batch_view.py  what the messages of a batch show; pure functions
limit_errors.py turn a limit that the store reports as exceeded into an error for people
ports.py       the interfaces that the engine needs: image API, delivery, downloads
policy.py      limits and durations, from the settings and the image API's own limits
periodic_jobs.py do a job again and again, with a pause after it
clock.py       the engine's clock: steady while the machine's clock jumps
"""
