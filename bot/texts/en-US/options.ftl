# Names of the commands' options: option-<the name in code, with - for _>. Lower case, no blanks, at most 32 characters.
# In English they are exactly the names in code.

option-prompt = prompt
option-image = image
option-image2 = image2
option-image3 = image3
option-image4 = image4
option-image5 = image5
option-mask = mask
option-size = size
option-variants = variants
option-model = model
option-resolution = resolution
option-background = background
option-enhance = enhance
option-fallback = fallback
option-private = private
option-name = name
option-template = template
option-new-name = new_name
option-picture = picture
option-remove-picture = remove_picture
option-reference = reference
option-style = style
option-what = what
option-search = search
