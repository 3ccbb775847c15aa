"""
A Discord and an image API on this machine, to try the bot without accounts.

__main__.py   `python -m sandbox`: the real bot, a simulated Discord, an emulated image API, and a web page
world.py      the simulated Discord: a server with a channel and three people, or a direct message
page.py       the web page: its refreshes, its clock, and clicks that are not lost
welcome.py    the first message on the page, with a finished picture
kie.py        the image API's emulator over HTTP; also `python -m sandbox.kie`
wire.py       the emulator's responses and refusals
forms/        the three forms of the image API: creates, records, callbacks
models.py     what each model of the image API takes and costs
listing.py    the image API's catalogue of its models
callbacks.py  the emulator's callbacks
uploads.py    the emulator's File Upload API
jobs.py       the emulator's tasks, and when they end
magic.py      words in a prompt that make the emulator fail or misbehave
studio.py     do a task: download its inputs, check them, paint
paint/        pictures from the words of a prompt
"""
