"""Tests of the program around the bot: settings, command line, logs, metrics, start and end."""
