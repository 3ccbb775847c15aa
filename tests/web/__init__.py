"""
Tests of the web endpoint over real sockets.

visiting.py  visit the bot's site, in this process and without Discord
"""
