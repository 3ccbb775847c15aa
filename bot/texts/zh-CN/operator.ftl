# For whoever runs the bot, on Discord. What stands in their terminal is English.

operator-account-key = 图像服务不接受密钥。请检查 `KIE_API_KEY` 并重新启动机器人；在此之前请求会一直等待。
operator-account-credit = 图像服务的余额用完了。请充值；在此之前请求会等待，之后自动继续。
operator-account-quota = 密钥在图像服务的配额用完了。请提高配额，或等它恢复。
operator-nobody-told = 有一个结果在频道里和私信里都没能送达。我会保留它，等发起人下次使用命令时再告诉对方。请检查我在各个频道里的权限；日志里有任务（task）或整批请求（batch）的编号。
operator-discord-refuses = 十分钟内 Discord 拒绝了我的 1000 多次请求；达到 10000 次，它会暂时封锁这台服务器的地址。在恢复正常之前，我照常送出结果和回复，但等待卡片暂停更新。请检查我在各个频道里的权限，以及是否有别的程序在用同一个令牌或地址。
operator-result-host-not-allowed = 有一张画好的图片在 `{ $host }`，这个主机不在 `KIE_RESULT_HOSTS` 里，所以我没有从那里下载。如果你信任它，请把它加进这个设置并重新启动我；之后我会把缺的图片补上。
operator-result-host-refuses = 最近 { $results } 张图片都没能从 `{ $host }` 下载。发起人暂时只能拿到链接。我会继续尝试，下载到一张就补上一张；主机的回答在日志里。
operator-work-given-up = 同一项工作已经三次导致我的进程中止，所以我放弃了它，其余的继续进行。日志里有它的名字：请查找“work given up”。
operator-disk-low = 存放数据库或图片的磁盘快满了。在腾出空间之前我不接收新文件，其余照常进行。请腾出空间，或把 `PICTURES_URL` 移到别处；`MIN_FREE_MB` 是我留出的空间。
operator-other = 有件事需要看一下：{ $reason }。请查看日志。
