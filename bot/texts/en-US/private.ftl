private-only-you = Only you can see this.
private-by-message = Discord only lets me answer for 15 minutes, so this comes as a direct message.
private-leaving = This is taking longer than Discord lets me answer here. I’ll send you the outcome as a direct message. If yours are closed to me, I’ll keep it and offer it at your next command.
private-bringing = Sending it to you.
