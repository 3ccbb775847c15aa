"""
The application between a command and a stored row. Arrows point down only:

    __main__  cli          python -m bot run | sync | doctor | migrate
    app                    composition root: opens everything top to bottom, closes in reverse
    (cogs)                 what people can ask
    delivery  doctor  web  cards and outcomes to Discord; is all well?; health, metrics, callbacks
    ui                     cards, buttons
    client                 the connection to Discord and its command tree
    options  replies  services   what commands are given; every sentence the bot says; what cogs are given
    kie  references        the image API over HTTP; attachments from Discord's CDN
    outbound               the way out: sessions, and a proxy where one is needed
    traffic                one budget for all requests to Discord
    engine                 the life of a task; no Discord, no HTTP, no SQL
    addresses  config  ending  endpoints  imaging  logs  permutations
    counters  errors  markup  memory  release
    (storage)
"""
