"""
Worlds that tests of several folders share, and their parts.

bot_batches.py       helpers for batches through simcord's actors: proposing, confirming, and the messages that follow
bot_world.py         the whole bot in the simulator simcord: `BotWorld`
database_line.py     a line to a PostgreSQL server that stalls, is cut, or loses the answer to a commit
discord_world.py     the real client, delivery and engine against the loopback Discord: `DiscordWorld`
due.py               when the next task is due
engine_batches.py    helpers for batches without Discord: proposed, begun, and what Discord's stand-in received of them
engine_callbacks.py  helpers for tests of an engine that receives callbacks
engine_world.py      the engine on a real SQLite file, with stand-ins for its ports: `EngineWorld`
new_tasks.py         build new tasks from flat values, and copies of results for a gallery
postgres.py          a PostgreSQL server of the tests' own
ready_database.py    a real SQLite file, ready at once, for tests of code that uses the database
stand_in_discord.py  a stand-in for Discord, as the engine sees it, that records everything it receives
waiting.py           wait for changes in rows or in another process, where there is no event to wait for
"""
