"""
Tests over real sockets: a loopback Discord, and the bot as the process that operators start.

discord.py       the loopback Discord: REST v10, gateway and CDN
rest.py          its REST requests: the application, its commands, channels and their messages
gateway.py       its gateway: sessions outlive their connections, so that missed events are replayed
interactions.py  its interactions: their first response within 3 s, everything after it within 15 min
messages.py      its messages, and a log of every post, edit and deletion, with its files
components.py    its rules for a message's components
uploads.py       its reading of a request's payload and files
places.py        its people, servers, channels, threads and direct messages, and the bot's permissions in each
limits.py        its rate limits: buckets, headers, 429
cdn.py           its CDN: addresses are signed and expire
clock.py         its clock, which a test may turn forward, and the ids made from its time
refusals.py      Discord's error codes with their status and message
traps.py         faults at chosen moments of a request: a death, a refusal, a silence, a broken connection
openapi.py       compare requests and replies with Discord's own OpenAPI description
caller.py        call the loopback Discord without a bot, to test it
process.py       run the bot as a process between the servers of a test
processes.py     run several processes on one PostgreSQL database
load.py          commands at a fixed rate to all shards, and counts of what the bot made of them
relay.py         a port that leads to other servers, and can be stopped and cut
limited.py       run the bot in a process whose memory is limited
"""
