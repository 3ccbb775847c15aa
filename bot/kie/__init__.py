"""
The image API over HTTP. Fulfils `bot.engine.ports.ImageAPI`; the API's own field names and codes are known only here.

Nothing here retries a call that failed (the engine does, by its policy), and nothing here logs.

client.py         `KieClient`: one method for each endpoint; maps HTTP errors and API codes to exceptions
codes.py          what each API code means for each kind of call, and why a task failed
refusal_words.py  why a request was refused or failed, by the words of the message
endpoints.py      the paths of each wire form
creates.py        build the body of a create from the catalogue
records.py        read the record of a job, in each wire form
wire.py           parse the other answers, and what all answers have in common
callbacks.py      verify the signature of a callback and read its job_id
model_check.py    whether the API still has each model with the fields that are sent
vendor_catalogue.py ask the API which models it has, what they take and cost, and whether they work
"""
