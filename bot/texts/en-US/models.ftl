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
