"""
A Discord and an image API on this machine: try the bot with no accounts.

* `__main__`  `python -m sandbox`: everything together, and a page in the browser
* `world`     the Discord: a server, a channel, two people, and the page kept fresh
* `kie`       the image API's emulator over real HTTP; also `python -m sandbox.kie`
* `wire`      how it words its answers, and what it refuses
* `callbacks` how it calls back when a task has ended
* `uploads`   its File Upload API
* `studio`    works a task off: fetches, checks, paints
* `jobs`      what the emulator remembers of a task, and how it words it
* `magic`     words in a prompt that make the emulator fail or misbehave
* `painter`   the pictures, with `palette`, `light`, `scenery` and `prints`
"""
