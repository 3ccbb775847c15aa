# The answer of /status: whether pictures can be made now, and how long that takes.

status-name = status
status-command = See whether I can make pictures now, and how long it takes
status-open = I can make pictures
status-paused = I can’t make new pictures at the moment
status-keeps = Requests keep their places and continue by themselves.
status-line = { $count ->
    [0] Nothing is waiting in line.
    [one] { $count } request is waiting in line.
   *[other] { $count } requests are waiting in line.
}
status-takes = When its turn comes, a picture by { $model } takes { $time }.
status-trouble = The image service has had trouble with { $model } since { $since }.
