show-name = show
show-command = See something again that was made before
show-what = Words of yours, a link to a message, or its number
show-only-you = Only you can see this.
