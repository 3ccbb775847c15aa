"""
Commands, menus and events: one module for each subject. A handler reads its input, calls the engine, and answers.

imagine.py      `/imagine`
create.py       `/create`: the same with a form
blend.py        `/blend`: combine pictures without words
mentions.py     messages to the bot: requests and small talk
help.py         `/help`: examples, prices, and what is left
status.py       `/status`: whether pictures can be made now, and how long that takes
greeting.py     the greeting in a server that the bot joins
menus.py        the message menu "Edit pictures"
avatars.py      the user menu "Use avatar"
actions.py      the buttons below results, and the edit form
batches.py      the buttons of batches
gallery.py      publish, copy, report and remove results; stars; deleted messages
tasks.py        `/tasks`: a person's own requests
show.py         `/show`: look up a task
reference.py    `/reference`: a person's sets of pictures
style.py        `/style`: a server's styles
settings.py     `/settings`: a server's settings
preferences.py  `/preferences`: a person's own defaults
privacy.py      `/privacy`: show, export and erase a person's data
"""
