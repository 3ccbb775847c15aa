"""
What is remembered. Imports nothing of ours; knows no Discord and no image API.

* `models`      the values: frozen dataclasses, states and the moves between them; pure
* `bounds`      what a request, a style and settings may hold
* `schema`      the tables and their indexes
* `database`    opening SQLite or PostgreSQL; write and read transactions; one process per SQLite file
* `migrations`  bringing a database of any age to `schema`, whole or not at all
* `tasks`       `TaskStore`: one method per question or move; each that writes is one transaction
* `rows`        from rows to values
* `moves`       compare-and-set on a task, and the audit trail
* `turns`       who may work on what, and whose turn it is
* `limits`      what a submit must not pass
* `attempts`    work that may end the process, counted before it begins
* `batches`     tasks made out of one request, and the messages that tell of them together
* `outcomes`    what belongs to a task: references, pictures, parts, the sweep of old copies
* `disks`       how much room is left, and which errors say that there is none
* `private_files`  modes of files: only the bot's user reads them
* `clock`       what the rows know of the time, and moving their stamps
* `pictures`    `PictureStore`: our copies of pictures, in a folder or a bucket
* `late_pictures`  results that were told as links, until their messages hold them
"""
