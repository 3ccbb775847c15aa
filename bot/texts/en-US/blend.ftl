blend-name = blend
blend-command = Make one picture out of two to five, without words
blend-image = A picture to blend: JPEG, PNG or WebP, up to 25 MB
