"""Tests of the engine: a stand-in for Discord and for the image API, a real database, a clock that the test turns."""
