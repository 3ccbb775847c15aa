# Small talk, for which no picture is made. A message is small talk if it consists of these phrases alone. Phrases are
# separated by commas, in lower case and without punctuation; letters that are repeated ("thaaanks") need no entry.

talk-help =
    help, help me, help please, i need help, can you help me, can you help, could you help me, commands, command, info,
    tutorial, instructions, how, how to, how to use, how to use this, how to use it, how to use you, how do i use you,
    how do i use this, how do i use it, how do you work, how does this work, how does it work, how do i start,
    how do i make a picture, how do i make an image, how can i use you, what can you do, what do you do, what is this,
    whats this, what are you, who are you, how much does it cost, is it free, is this free, are you there, you there, are you alive,
    are you a bot, are you real, are you online, are you working, does this work, what, why, who, when, where,
    test, testing, this is a test, just testing, ping, cancel, stop, never mind, nevermind, nvm
talk-hello =
    hi, hello, hey, heya, hiya, helo, hallo, howdy, yo, sup, whats up, wassup, greetings, good morning, good afternoon, good evening,
    good day, how are you, how are you doing, how are you today, how is it going, hows it going, how do you do,
    nice to meet you, welcome back, im back, what is your name, whats your name
talk-thanks =
    thanks, thank you, thank u, thank, thanx, thx, thnx, thankyou, ty, tysm, tyvm, tx, cheers, much appreciated, appreciate it,
    i appreciate it, appreciated, good bot, bad bot, good job, great job, nice job, well done, good work, great work, nice work,
    nice one, good one, nice, very nice, so nice, how nice, cool, so cool, very cool, great, awesome, amazing, wonderful, excellent, fantastic, perfect,
    brilliant, beautiful, so beautiful, lovely, cute, so cute, wow, omg, yay, woohoo, love it, i love it, love this,
    i love this, love you, i love you, ily, like it, i like it, i like this, i like that, looks good, looks great, looks amazing, looks nice, it looks great,
    it looks good, that looks great, that is great, thats great, thats perfect, thats amazing, thats awesome, thats cool, thats nice, this is great,
    this is perfect, this is amazing, this is awesome, this is cool, this is nice, you are great, you are awesome, you are amazing, you are the best, youre great,
    youre awesome, youre amazing, youre the best, the best, best bot, bravo, congrats, congratulations, lol, lmao, rofl, haha,
    hahaha, hahahaha, hehe, xd, ok, okay, okey, k, kk, yes, yep, yeah, yup, no, nope, nah, sure, right, fine, alright, got it, i see,
    good, very good, not bad, please, pls, plz, sorry, my bad, oops, no problem, np, no worries, youre welcome, you are welcome, yw, bye, goodbye,
    bye bye, see you, see ya, see you later, cya, later, good night, goodnight, gn, gm, hm, hmm, oh, ah, aha, eh, huh, uh, um
talk-filler =
    there, again, all, everyone, everybody, guys, friend, my friend, buddy, mate, man, dude, bro, dear, bot, atelier, so, so much,
    very much, a lot, lots, a bunch, a million, a ton, to you, you too, too, for that, for this, for it, for the picture,
    for the pictures, for the image, for your help, for the help, for your work, for everything, for helping, for helping me, and, it,
    this, that, is, its, thats, looks, really, very, u
