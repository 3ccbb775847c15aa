"""
Pictures: look into them, make them fit a limit, and make small ones of them (Pillow). The rest of the bot comes in by
`bot.engine.picture_work`, which shares this work fairly.

What a file will cost is known before it is decoded:

formats.py     which format a picture has, by its bytes and by its file's name
header.py      a picture's header, read in a bounded number of steps, and how many pixels are taken
headers.py     ... what it holds
jpeg.py  png.py  webp.py  gif.py  exif.py    ... how each format has it
cost.py        the bytes and the seconds that work on it will take

The work, synchronous and bound to the processor:

inspection.py  what goes in, bytes of strangers, refused with BadReference; and what comes out
conversion.py  on its way: a PNG of a picture or a mask, without loss
metadata.py    the same file without what it says besides the picture
thumbnails.py  a small picture for a card, and several side by side
fitting.py     for a channel that takes smaller files
decoding.py    decode what was found bearable
pixels.py      upright, 8 bits, on white; band by band
encoding.py    write a file
looks.py       what is known of a picture, and the refusal of one

And where it is done:

children.py    child processes, as the bot sees them; threads, for tests
child.py       ... what runs in one, with limits of memory and time
jobs.py        ... what it can be asked, and the messages

Everything but `inspect` and `inspect_mask` raises `Unreadable`, a ValueError, for bytes that are no picture we take.
"""
