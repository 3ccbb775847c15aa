# What a request costs, in the image service's credits, and what was chosen for it.

credits-exact = { $count } 积分
# While the image service has not said the price.
credits-about = 约 { $count } 积分
# Of a request without pictures that may have been paid.
credits-perhaps = 可能已消耗 { $count } 积分
# Of several requests together.
credits-in-all = 共 { $count } 积分
credits-about-in-all = 共约 { $count } 积分
credits-transparent = 透明背景
