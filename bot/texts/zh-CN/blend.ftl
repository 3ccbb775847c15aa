blend-name = 融合
blend-command = 把两到五张图片融合成一张，不用写文字
blend-image = 要融合的图片：常见格式都可以，最大 50 MB
