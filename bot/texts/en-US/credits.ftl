# What a request costs, in the image service's credits, and what was chosen for it.

credits-exact = { $count ->
    [one] { $count } credit
   *[other] { $count } credits
}
# While the image service has not said the price.
credits-about = { $count ->
    [one] about { $count } credit
   *[other] about { $count } credits
}
# Of a request without pictures that may have been paid.
credits-perhaps = { $count ->
    [one] may have cost { $count } credit
   *[other] may have cost { $count } credits
}
# Of several requests together.
credits-in-all = { $count ->
    [one] { $count } credit in all
   *[other] { $count } credits in all
}
credits-about-in-all = { $count ->
    [one] about { $count } credit in all
   *[other] about { $count } credits in all
}
credits-transparent = transparent background
