"""
What people see in Discord, built from values. Nothing here posts a message by itself: commands, buttons and forms
answer the person who used them, and read in Discord what they need for that. Each room imports only rooms below it in
this list.

results/   results, and the buttons below them that ask for another picture
asking/    from what a person asks for to a stored task and its card, or to the question before a batch
waiting/   what people see while they wait, and the list of their tasks
curation/  publish, post again, report and remove results
library/   styles of servers, and sets of reference pictures of people
privacy/   a person's data: erasure and export
settings/  a server's settings
kit/       what every view shares
"""
