# For whoever runs the bot, on Discord. Their terminal is in English.

operator-account-key = The image service refuses the key. Check `KIE_API_KEY` and start the bot again; until then requests wait.
operator-account-credit = The credit with the image service is used up. Top it up; requests wait until then and continue by themselves.
operator-account-quota = The key’s quota with the image service is used up. Raise it, or wait until it is renewed.
operator-nobody-told = I couldn’t deliver an outcome in its channel or by direct message. I’ll keep it and offer it to the person who asked at their next command. Check my permissions in the channels where I’m used; the log names the task or the batch.
operator-discord-refuses = Discord has refused more than 1,000 of my requests in ten minutes; at 10,000 it blocks this machine’s address for a while. Until things calm down, I’ll still post results and answers, but won’t update waiting cards. Check my permissions in the channels where I’m used, and whether another program uses the same token or address.
operator-result-host-not-allowed = A finished picture is at `{ $host }`, which isn’t in `KIE_RESULT_HOSTS`, so I didn’t download it. If you trust this host, add it to that setting and start me again; I’ll then add the missing pictures.
operator-result-host-refuses = I couldn’t download the last { $results } pictures from `{ $host }`. Their askers get links for now. I’ll keep trying and add each picture when I have it; the log says what the host answered.
operator-work-given-up = The same piece of work ended my process three times, so I’ve given it up and carried on with the rest. The log names it: look for “work given up”.
operator-disk-low = The disk with my database or my pictures is nearly full. I won’t take new files until there’s room, but everything else continues. Make room, or move `PICTURES_URL` elsewhere; `MIN_FREE_MB` says how much space I leave free.
operator-other = Something needs a look: { $reason }. Check the log.
