# Pieces of sentences that many messages share.

text-wordless = 没有文字，只有图片
text-alt = { $what }：{ $words }
# Between two sentences.
text-space = {""}
text-between = 、
text-and = { $before }和{ $last }
text-or = { $before } 或 { $last }
text-or-shapes = { $before }或{ $last }
text-for = 由 { $asker } 发起

text-seconds = 几秒钟
text-half-a-minute = 半分钟左右
text-minute = 一分钟左右
text-minutes = { $count } 分钟左右
text-hour = 一小时左右
text-hours = { $count } 小时左右

# Shapes: a word, and with the aspect ratio. People may also type the word; in each language every word is another one.
text-shape = { $shape } ({ $size })
shape-square = 方形
shape-nearly-square = 接近方形
shape-landscape = 横向
shape-portrait = 纵向
shape-wide = 宽屏
shape-tall = 竖屏
shape-very-wide = 超宽
shape-very-tall = 超高
shape-banner = 横幅
shape-column = 竖幅
shape-as-picture = 和图片一样
# Further words that people may type for a shape, separated by commas, in lower case.
typed-shape-square = 方, 方的, 方图, 方版, 正方, 正方形
typed-shape-landscape = 横, 横的, 横图, 横版
typed-shape-portrait = 竖, 竖的, 竖图, 竖版
typed-shape-wide = 横屏
typed-shape-as-picture = 和图片相同, 与图片一样, 与图片相同, 跟图片一样, 跟图片相同, 同图片一样, 同图片
text-like-picture = 形状和图片一样

text-attached = { $count } 张附图
text-with-mask = 1 张蒙版
text-attached-gone = 有附图已被清除

# In the place of a person who was erased.
text-somebody = 某人
