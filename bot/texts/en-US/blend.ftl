blend-name = blend
blend-command = Make one picture out of two to five, without words
blend-image = A picture to blend, in any common format, up to 50 MB
