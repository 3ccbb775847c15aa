"""
Pictures: look into them, make them fit a limit, and make small ones of them (Pillow). Synchronous, thread-safe and
CPU-bound: call through `aside`, where at most `AT_ONCE` work at a time, so that memory is bounded.

inspection.py  what goes in, bytes of strangers, refused with BadReference; and what comes out
conversion.py  on its way: a PNG of a picture or a mask, without loss
thumbnails.py  a small picture for a card
fitting.py     for a channel that takes smaller files
decoding.py    decode within bounds
pixels.py      upright, 8 bits, on white
encoding.py    write a file
formats.py     which format a picture has, by its bytes and by its file's name
looks.py       what is known of a picture, and the refusal of one
threads.py     off the event loop

Everything but `inspect` and `inspect_mask` raises `Unreadable`, a ValueError, for bytes that are no picture we take.
"""
