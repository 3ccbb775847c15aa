# The menu of a person, and its form.

avatar-menu = Use avatar
avatar-form-title = Start from an avatar
