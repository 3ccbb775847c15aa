"""
The bot: everything between a command and a stored row. A module imports only modules below it in this list
(`tests/test_architecture.py` checks that); `cogs` belong below `app.py`, `storage` below everything.

__main__.py             run the command line
cli.py                  the commands `run`, `sync`, `doctor` and `migrate` of `python -m bot`
app.py                  composition root: open every part in order, close them in reverse
delivery/               post cards, results and messages to Discord
doctor.py               check settings, database, Discord and the image API, and name a remedy for each problem
web/                    the HTTP endpoint: health, metrics and the image API's callbacks
ui/                     cards, buttons, forms and lists, as Discord components
client.py               the Discord client and its command tree
options.py              check the options of a command against their declaration
replies.py              error messages for people, and the last handler for exceptions
translation.py          names and descriptions of commands in every language
services.py             what cogs and buttons may use (`client.services`)
kie/                    the image API over HTTP
outbound.py             HTTP sessions, with a proxy where HTTPS_PROXY names one
references.py           download attachments from Discord's CDN
traffic/                keep all requests to Discord within its rate limit
engine/                 the life of a task; knows no Discord, no HTTP and no SQL
addresses.py            tell public hosts and addresses from private ones
config.py               settings from the environment and `.env`
ending.py               end the process without waiting for stuck threads
endpoints.py            point discord.py at another Discord (the tests' own)
imaging/                read, check and convert pictures
logs.py                 structured logs, with secrets removed
discord_errors.py       Discord's error codes, and their translation into the bot's own errors
discord_permissions.py  the permissions that the bot needs in a channel
permutations.py         expand `{red, green} door` into several prompts
counters.py             counters of this process for `/metrics`
discord_limits.py       Discord's limits
errors.py               the tree of exceptions, and whom each of them concerns
markup.py               clean, escape and shorten text that people wrote
memory.py               make malloc return freed memory to the system
release.py              the version of this program
texts/                  everything the bot says, in every language
"""
