private-only-you = Only you can see this.
private-by-message = Discord lets me answer for 15 minutes only, so this comes as a direct message.
private-leaving = This takes longer than Discord lets me answer here. I send you the outcome as a direct message. If yours are closed to me, I keep it and offer it at your next command.
private-bringing = Sending it to you.
