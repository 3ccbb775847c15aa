# The answer of /help, and the greeting in a new server.

help-name = help
help-command = Show examples to try, and how many pictures you have left
help-heading = Make pictures
help-start = Pick an example to open it in a form. Nothing is made until you send it.
help-try = Try it
help-open = Show examples
help-example-1 = A red fox asleep in fresh snow, soft morning light
help-example-2 = A wide mountain lake at sunset, painted in oils --ar 3:2
help-example-3 = A poster for a jazz night that says “Friday at 9” --ar 2:3
help-example-4 = Turn my photo into a watercolor
help-example-5 = A cozy treehouse in { "{" }spring, winter{ "}" }
help-more =
    `/{ imagine-name }` makes pictures from words and from pictures you attach.
    `/{ create-name }` is the same with a form, and `/{ blend-name }` combines pictures.
    `/{ tasks-name }` lists your requests, and `/{ show-name }` shows one again.
    `/{ status-name }` says how long pictures take right now.
    `/{ privacy-name } { privacy-show-name }` shows what is stored about you.
help-models = With `{ option-model }` you choose another model: more shapes, larger pictures, transparent backgrounds. `/{ preferences-name }` makes one your default.
help-price = { $count ->
    [one] A picture by { $model } costs { $count } credit.
   *[other] A picture by { $model } costs { $count } credits.
}
help-prices = A picture by { $model } costs { $least } to { $most } credits.
help-price-same = { $count ->
    [one] With { $model }, it costs the same.
   *[other] With other models, it costs the same.
}
help-price-others = With other models, it costs { $count }.
help-prices-others = With other models, it costs { $least } to { $most }.
help-no-limit = There is no daily limit on your pictures.

greeting =
    Hello, I make pictures from words and photos.
    Type `/{ imagine-name }`, or mention me and say what you’d like to see. `/{ help-name }` shows examples, and `/{ settings-name }` sets the channels I can use.
greeting-direct =
    Thank you for adding me to { $server }. I make pictures from words and photos, but I’m not allowed to write in any of its text channels.
    Allow me to view a channel, send messages and attach files there, then type `/{ imagine-name }` in it.
