# For whoever runs the bot, on Discord. What stands in their terminal is English.

operator-account-key = The image service refuses the key. Check `KIE_API_KEY` and start the bot again; until then requests wait.
operator-account-credit = The credit with the image service is used up. Top it up; requests wait until then and go on by themselves.
operator-account-quota = The key's quota with the image service is used up. Raise it, or wait until it is renewed.
operator-nobody-told = An outcome could be told neither in its channel nor by direct message. I keep it and tell its asker at their next command. Check what I may do in the channels where I am used; the log names the task or the batch.
operator-discord-refuses = Discord has refused more than 1,000 of my requests in ten minutes; at 10,000 it shuts out this server's address for a while. Until it is calm again I bring results and answers, but waiting cards stand still. Check what I may do in the channels where I am used, and whether another program runs with the same token or address.
operator-result-host-not-allowed = A finished picture lies at `{ $host }`, which is not in `KIE_RESULT_HOSTS`, so I did not fetch it from there. If you trust this host, add it to that setting and start me again; I then bring the pictures that are missing.
operator-result-host-refuses = I could not fetch the last { $results } pictures from `{ $host }`. Their askers get links for now. I keep trying and bring each picture when it comes; the log says what the host answered.
operator-work-given-up = The same piece of work ended the bot's process three times, so I have given it up and go on with the rest. The log names it: look for “work given up”.
operator-disk-low = The disk with my database or my pictures is nearly full. I take no new files until there is room, and go on with the rest. Make room, or move `PICTURES_URL` elsewhere; `MIN_FREE_MB` says how much I leave free.
operator-other = Something needs a look: { $reason }. Check the log.
