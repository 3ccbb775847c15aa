"""Tests over real sockets: a loopback Discord, and the bot as the process that operators start."""
