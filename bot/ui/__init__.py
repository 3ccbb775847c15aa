"""
What people see in Discord, built from values. Nothing here sends a request to Discord, except buttons and forms in
answer to the person who used them.

text.py              fit the text of a message into Discord's limits
dynamic_items.py     what all buttons and selects share: `custom_id` and error handling
component_ids.py     the id by which a search finds a message
forms.py             modals that still work after a restart
paging.py            lists with pages
selected.py          check what a select menu returns against what it offered
channels.py          whether the bot may post in a channel
standing.py          which permissions a person needs for a decision

asking.py            from a command, form, button or menu to a stored task and its card
arrival.py           where a request came from, and whether it can be answered there
mentions.py          read a message that mentions the bot as a request
message_pictures.py  the pictures in a message: attachments, embeds, galleries, forwards
choices.py           autocomplete
copies.py            store a copy of an attachment for later use

cards.py             the waiting card and its buttons
outcomes.py          the message with the pictures, and the message of a failure
pictures.py          a finished picture as a file: its name, and its use in the next request
actions.py           the buttons below a result that ask for another picture
edits.py             the form to edit a picture
originals.py         the button for the pictures at full size
family.py            what a picture was made from, and what was made from it
curation.py          the buttons to publish, post again, report or remove a result
reports.py           the moderators' message about a report, and its buttons

batches.py           the question before a batch, and its buttons
batch_messages.py    the messages of a batch

kept.py              the notice about outcomes that could not be delivered, and its button
lookup.py            show a task to the person who looks it up
own_tasks.py         the list of a person's own tasks
sets.py              a person's sets of reference pictures
styles.py            a server's styles
settings.py          the panel of a server's settings
erasure.py           the question before an erasure, and the receipt
export.py            a person's data as zip files
"""
