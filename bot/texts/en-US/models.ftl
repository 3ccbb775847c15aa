# What each model is good for: model-<its key>, one line of at most 70 characters, as models are listed in commands.

model-4o = All-round; can change only the part of a picture that you mark
model-gpt-image = Many shapes up to 4K, transparent backgrounds, up to 16 pictures
model-gpt-image-fine = Like GPT Image 2.5 Flare, slower and more precise
model-nano-banana = Wide and tall shapes up to 4K, combines up to 14 pictures
model-nano-banana-pro = Careful with detail and with writing in pictures, up to 4K
model-seedream = Photos and portraits up to 2K, combines up to 10 pictures
model-seedream-flash = Quick drafts up to 2K, combines up to 10 pictures
model-flux-2 = Photos, products and materials up to 2K, combines up to 8 pictures
model-flux-kontext = Quick changes to one picture
model-flux-kontext-max = Like FLUX.1 Kontext Pro, better with writing and detail
model-qwen = Transparent backgrounds, changes only the part that you mark
model-ideogram = Logos, posters and lettering
model-grok = Lively scenes and people, in five shapes
model-z-image = Quick pictures from words alone, at the lowest price

# While a model is chosen.
models-choice = { $name } · { $price } · { $good }
models-with-price = { $what } · { $price }

# The one press that makes what is nearest. $changes: what is other than asked for, as in the messages below or a shape.
models-make = Make it { $changes }
models-make-nearest = Make it that way
models-changes = The button makes it { $changes }.
models-at-price = { $what } ({ $price })
models-change-model = with { $model }
models-change-resolution = in { $resolution }
models-change-no-resolution = without { $resolution }
models-change-background = without transparency
models-change-variants = { $count ->
    [one] { $count } picture
   *[other] { $count } pictures
}
models-change-enhance = without added detail
models-change-fallback = without a second model
models-make-variants = { $count ->
    [one] Make { $count } picture
   *[other] Make { $count } pictures
}

# Why another model makes it, in one line of the card.
models-was-off = { $was } isn’t available, so { $now } makes this.
models-was-not-here = This server doesn’t offer { $was }, so { $now } makes this.
models-was-without-mask = { $was } takes no mask, so { $now } makes this.
models-was-for-fewer = { $most ->
    [0] { $was } works from words alone, so { $now } makes this.
    [one] { $was } starts from { $most } picture only, so { $now } makes this.
   *[other] { $was } starts from at most { $most } pictures, so { $now } makes this.
}
models-was-for-other-words = { $was } can’t work with words of this length, so { $now } makes this.
models-named-twice = `--model` gave way to the model you chose.
models-resolution-twice = `--resolution` gave way to the resolution you chose.
