# Outcomes that could not be told, and wait until their asker comes.

kept-waiting = 你之前有 { $count } 个请求已经完成，但我没能联系上你。结果只有你能看到。
kept-more = 还有 { $count } 个结果在等你。
kept-told-elsewhere = 这一个刚刚已经通过别的方式发给你了。你是在 { $channel } 发起的。
kept-show = 给我看看
kept-show-next = 看下一个

# Several requests out of one, which could not be told together.
kept-batch-waiting = 你一起发起的几个请求已经完成，但我没能联系上你。结果只有你能看到。
kept-batch-more = 这些图片还有一部分在等你。
kept-batch-show = 给我看看这些
kept-batch-next = 再看一些
