"""
Everything that is stored. Imports neither `bot` nor `cogs`; knows no Discord and no image API.

models.py         values: frozen dataclasses, task states and the allowed moves between them
community.py      values: settings, styles, sets, batches, reports, erasures
catalogue/        what each model can do: sizes, numbers, options, price
bounds.py         what a request, a style and a server's settings may contain
schema.py         tables, constraints and indexes
migrations/       bring a database of any version to `schema`

stores.py         all stores of one database
tasks.py          tasks: add, read, move, settle
claims.py         claim due tasks for a worker, under a lease
polls.py          polls without an outcome, those of one moment stored together
due_work.py       what a process can do now, and when there will be more to do
queue.py          which tasks wait, and in which order creates begin
creates.py        creates, stored before they are sent, and their callbacks
references.py     the input pictures of tasks
result_pictures.py the pictures of results
parts.py          the messages of outcomes: planned, attempted, posted
undelivered.py    outcomes that could not be delivered and wait for their asker
retention.py      stored copies that are old enough to be deleted
key_values.py     small named values of the program itself
card_facts.py     what the waiting card of a task shows in addition to it
rows.py           turn rows into values
prepared.py       statements that are built and compiled once
transitions.py    change the state of a task by compare-and-set, and write the audit trail
fair_queue.py     whose task is next, fairly between people
limits.py         limits that new tasks and sets must keep: open tasks, pictures a day, stored bytes
search.py         find tasks by words, state or message
late_pictures.py  pictures that were delivered as links and are still to be downloaded
batches.py        batches and their messages
undelivered_batches.py batches that could not be delivered and wait for their asker
reposts.py        reposts of results
curation.py       what is to happen to all messages of a result: they stay, become spoilers or are deleted
outbox.py         rows that wait for work: due, claim, finish, postpone, retry
reports.py        reports and decisions on them
erasures.py       erase a person's data in small steps
personal_data.py  read and count a person's data
processes.py      which processes of the bot run, and which shards each has
shards.py         match the rows of some shards
attempts.py       count attempts of outbox work, to notice work that kills the process
guilds.py         a server's settings and styles
preferences.py    a person's defaults
sets.py           a person's sets of pictures
drafts.py         the pictures that an open form offers
statistics.py     statistics over all tasks, for `/metrics`
referenced_pictures.py which stored files are still named by a row

backup/           back up all rows and the list of pictures into one file, and restore it

database.py       open SQLite or PostgreSQL; read and write transactions
postgres.py       PostgreSQL: the pool of connections, the time limits of transactions
postgres_url.py   PostgreSQL: addresses as people have them
availability.py   PostgreSQL: whether the server can be used, logged once; what a person waits for
server_errors.py  PostgreSQL: recognise the errors of a server that is away
copying.py        copy a whole database into another one
server_report.py  PostgreSQL: what the server says of itself, for `doctor`
sqlite.py         SQLite: the file, its lock, its connections
group_commit.py   SQLite: one writer, and one commit for writes that wait together
notices.py        keep values in memory until they change
listening.py      PostgreSQL: hear of the changes of other processes
transactions.py   the connection that statements are executed on
clock.py          read and correct the stored times

pictures.py       `PictureStore`: files in a folder or an S3-compatible bucket
disks.py          free disk space, and which errors mean a full disk
private_files.py  create files and folders that only the bot's user can read
"""
