"""
The image API over HTTP. Fulfils `bot.engine.ports.ImageAPI`; their words stop here.

* client     `KieClient`: one method per endpoint, and the one place where HTTP and their codes become our errors
* codes      what each of their codes means, per kind of call, and why a task failed
* wire       what goes over the wire: their JSON, read tolerantly
* results    fetching a finished picture: which hosts, how many redirects, how many bytes; knows no key
* callbacks  which task a callback is about, and whether they signed it
* transport  what every request here shares: our name, time limits, bounded bodies

Nothing here retries: that is policy and lives in the engine. Nothing here logs.
"""
