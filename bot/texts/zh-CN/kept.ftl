# Outcomes that could not be told, and wait until their asker comes.

kept-waiting = 你之前有 { $count } 个请求已经完成，但我联系不上你。结果只有你自己看得到。
kept-more = 还有 { $count } 个结果在等你。
kept-told-elsewhere = 这一个刚刚已经送到你那里了。你是在 { $channel } 提出的。
kept-show = 给我看看
kept-show-next = 看下一个
