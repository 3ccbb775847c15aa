"""
The bot: everything between a command and a stored row. A module imports only modules below it in this list
(`tests/project/test_architecture.py` checks that); `cogs` belong below `app.py`, `storage` below everything.

__main__.py             run the command line
cli.py                  the commands `run`, `sync`, `doctor` and `migrate` of `python -m bot`
app.py                  composition root: open every part in order, close them in reverse
delivery/               post cards, results and messages to Discord
doctor.py               check settings, database, Discord and the image API, and name a remedy for each problem
web/                    the HTTP endpoint: health, metrics and the image API's callbacks
ui/                     cards, buttons, forms and lists, as Discord components
intake/                 from an interaction or a message to what the person asks for
client.py               the Discord client and its command tree
command_options.py      check the options of a command against their declaration
error_replies.py        error messages for people, and the last handler for exceptions
services.py             what cogs and buttons may use (`client.services`)
kie/                    the image API over HTTP
traffic/                keep all requests to Discord within its rate limit
engine/                 the life of a task; knows no Discord, no HTTP and no SQL
net/                    HTTP beside the image API: sessions and bounded downloads
config.py               settings from the environment and `.env`
endpoints.py            point discord.py at other addresses of Discord: a proxy, or the tests' Discord
imaging/                read, check and convert pictures
discord_errors.py       Discord's error codes, and their translation into the bot's own errors
discord_permissions.py  the permissions that the bot needs in a channel
discord_limits.py       Discord's limits
process/                the process itself: logs, counters, memory, version and shutdown
errors.py               the tree of exceptions, and whom each of them concerns
texts/                  everything the bot says, in every language
"""
