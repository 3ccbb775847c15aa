"""
Tests of the sandbox: its page, its image API, its start and end.

emulator_caller.py  call the image API's emulator as a client of the real API does, with a clock that the test controls
sandbox_process.py  run `python -m sandbox` as a user does: a process, its address, and Ctrl-C
"""
