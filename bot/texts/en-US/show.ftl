show-name = show
show-command = See an earlier result again
show-what = Some of your words, a link to the message, or its number
show-only-you = Only you can see this.
