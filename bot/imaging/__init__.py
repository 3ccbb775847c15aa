"""
Read, check and convert pictures (Pillow). The rest of the bot has pictures decoded through
`bot.engine.work.picture_work`, which queues the work fairly.

The cost of decoding a file is estimated before it is decoded:

formats.py     the format of a picture, from its first bytes
header.py      read the header of a picture in a bounded number of steps, and limit its pixels
headers.py     what a header says
jpeg.py        the header of a JPEG
png.py         the header of a PNG
webp.py        the header of a WebP
gif.py         the header of a GIF, and its first frame
bmp.py         the header of a BMP
tiff.py        the header of a TIFF
heif.py        the header and the main picture of a HEIC or AVIF
gamut.py       a colour profile for a wide gamut that a HEIC or AVIF names by code points
exif.py        the orientation, from EXIF or XMP
cost.py        estimate the memory and the processor time of each kind of work

The work itself, synchronous and CPU-bound:

inspection.py  check an attached file before its header is read, and a result
plain.py       make the plain copy of an attachment, which the image API gets
conversion.py  convert a picture to PNG
mask.py        read a mask, and make the plain mask that the image API gets
preview.py     tint the part of a picture that a mask changes
metadata.py    remove metadata from a JPEG or a PNG
thumbnails.py  make small pictures, and a strip of several
fitting.py     re-encode a picture to fit a limit of bytes
decoding.py    decode a file whose estimated cost is acceptable
pixels.py      rotate, flatten and scale, band by band
encoding.py    encode a picture
picture_info.py the result of a check or a copy, or why a file was refused

Where the work runs:

processes.py   start child processes and give them work; threads in tests
process.py     the program of a child process, with limits of memory and time
jobs.py        the messages between the bot and a child process

For bytes that are not an accepted picture, `plain_copy` and `plain_mask` raise BadReference with the file's name. All
other functions that decode a person's file or a result raise `Unreadable` (a ValueError).
"""
