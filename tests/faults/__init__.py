"""
Tables of faults: whatever the image API, its hosts or Discord do, each asker has one outcome.

image_api_world.py  the engine with the real image client and the emulator behind a faulty server: `ImageWorld`
"""
