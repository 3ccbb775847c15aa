"""
The tests, in folders that mirror the packages.

worlds/    what tests of several folders share: the worlds, and their parts
project/   the project itself: structure, names, words, documents, locks, tools
storage/   the database and its stores
imaging/   what is done with picture files
net/       downloads: from which addresses, how much, through which proxy
kie/       the image API's client over real sockets
texts/     the texts in all languages, and words in prompts
engine/    the engine alone: the life of a task, and of everything in the outbox
delivery/  what is sent to Discord, and when
ui/        what people see and press, one module per feature
process/   settings, command line, logs, metrics, start and end
web/       the web endpoint over real sockets
sandbox/   the sandbox: its page, its image API, its start and end
faults/    tables of faults: whatever fails, each asker has one outcome
wire/      the whole bot over real sockets, and the loopback Discord
crash/     real processes that are killed at every point
soak/      a real process for long, with too many requests and faults at random
hostile/   tables of hostile cases for the tests of other folders
"""
