"""
Recognise why the image API did not make a picture, by the words of its message, in English or Chinese.

The models behind the API word the same refusal in many ways, and the message may quote a language model. A message that
names a result ("failed to download the generated image") is not about an input picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from bot.errors import Reason


def _any(*patterns: str) -> str:
    """Return the expression of any of the patterns. `re` compiles it when it is first searched for, and remembers it:
    to compile all of them takes longer than the import of this package."""
    return f"(?i){'|'.join(patterns)}"


def _no_refusals() -> Iterable[str]:
    """Return phrases that share a word with refusals and mean something else."""
    yield r"\b(access|constraint|protocol|segmentation|limit|rate|quota|schema|validation|sharing|\w*key) violations?"
    yield r"violat\w* [^.]{0,60}?(constraint|schema|protocol|limit)"
    yield r"(retry|rate[- ]limit\w*|cors|cache|bucket|network|security|password|access)[- ]polic(y|ies)"
    yield r"(referrer|referer|scaling|eviction|connection|timeout|routing|retention|iam|origin)[- ]polic(y|ies)"
    yield r"(case|time)[- ]?sensitive|unsafe (url|port|redirect|header|operation)"
    yield r"moderation (service|api|system|server|request)[^.]{0,40}?(unavailable|tim(ed|e) ?out|down|overload)"
    yield r"大小写敏感|区分大小写"
    yield r"blocked [^.]{0,40}?\b(fire ?wall|waf|cloudflare|cors|proxy|network|rates?|quotas?|credits?)\b( polic\w+)?"
    yield r"blocked[^.]{0,10}? too many"
    yield r"(账号|账户|帐号|企业|实名|身份|支付|频率|IP)[^,，。]{0,6}?(审核|審核|风控|風控|风险|風險)"
    yield r"(审核|審核)(服务|系统|接口)[^,，。]{0,8}?(超时|不可用|异常)"
    yield r"违反[^,，。]{0,6}?约束"


_NO_REFUSAL: Final = _any(*_no_refusals())
_RULES: Final = (
    r"((our|the|its|their|these|\w+['’]s) )?((content|safety|usage|community|platform) )?"
    r"(rules|guidelines|standards|terms)\b"
)
_SUBJECT: Final = r"(content|request|prompt|image|picture|photo|input|output|generation|response|text)s?"
_PASSING: Final = (
    r"(error|unexpected|try again|at the moment|right now|currently|at this time|tim(ed|e) ?out|unavailable)"
)
_REFUSAL: Final = _any(
    r"polic(y|ies)|violat(e|ion|ing)|guard[- ]?rails?|flagged|moderation|\bmoderated|\bunsafe|\bnsfw\b",
    r"safety[ _-](system|filter|check|guideline|reason|concern|setting|threshold|standard|rule|feature)",
    r"(not|isn't) safe for|sensitive|inappropriate|\bdisallowed|not allowed by|not permitted by",
    r"(prohibited|forbidden|restricted|harmful|explicit|objectionable|offensive|adult|illegal|sexual)"
    r"[ _-](content|word|term|use|material|image|subject)",
    r"(content|community|usage|use)[ _-](guideline|rule|standard|filter|restriction|check|review)|responsible[ _-]ai",
    r"terms of (use|service)|copyright|(rejected|blocked|declined) (by|for|due to) [^.]{0,30}?(safety|content|filter)",
    r"(refus(e|es|ed)|declin(e|es|ed)) to (generate|create|draw|edit|produce|make|fulfil)",
    r"(can(no|['’])?t|unable to|not able to) (help|assist|comply|fulfil)",
    r"\b(I|we) (can(no|['’])?t|won['’]t|will not) (create|generate|draw|make|produce|edit|render|depict)\b"
    rf"(?![^.]{{0,80}}?{_PASSING})",
    r"\bI( a|['’])m (unable|not able|not allowed) to (create|generate|draw|make|produce|edit|render|depict)\b"
    rf"(?![^.]{{0,80}}?{_PASSING})",
    rf"\b{_SUBJECT} (was|were|is|are|has been|have been|got|gets) blocked",
    r"\bimage[ _]safety\b|(finish|block)[ _]?reason\W{0,4}\w*(safety|prohibited|blocklist|recitation|spii)",
    r"\bnud(e|es|ity)\b|\bhate(ful)?[ _]?speech|\bhateful\b|\bharass(ment|ing)\b",
    r"\bself[ _-]?harm\b|\bviolen(ce|t)\b|\bgor(e|y)\b",
    r"\bpublic[ _]figures?\b|\bcelebrit(y|ies)\b|\breal (people|persons?|individuals?)\b",
    r"\bcontent (is |was )?(not|isn['’]t|wasn['’]t) (permitted|allowed|acceptable)",
    rf"(not|n['’]t|fails? to) (comply with|conform to|adhere to|follow|meet|respect) {_RULES}|\bagainst {_RULES}",
    r"不良(信息|内容|內容|资讯|資訊)|裸露|裸体|裸體|淫秽|低俗|仇恨|自残|自殘|公众人物|公眾人物|政治人物|名人",
    r"(内容|內容|提示词|提示詞|描述|图片?|圖片?|照片)(可能)?不符合|不符合(平台|社区|社區|安全|内容|內容|相关)[^,，。]{0,4}?(规|規|准则|要求)",
    r"(命中|触发|觸發)[^,，。]{0,6}?(风控|風控)|(风险|風險)(内容|內容)|(内容|內容|提示词|图片?)(可能)?(存在|有|含)[^,，。]{0,3}?(风险|風險)",
    r"(无法|無法|不能|拒绝|拒絕)(为您|为你)?(生成|创建|绘制|制作|提供)((此|这|该|這|該)类|这种|這種|(该|此|該)(?=内容|內容))",
    r"敏感|违规|違規|审核|審核|违反|違反|政策|不合规|不合規|不当内容|不當內容|违禁|違禁|禁止(的)?(内容|生成)|色情|涉黄|涉政|暴力|血腥",
    r"(内容|內容)(可能)?(不)?安全|安全(系统|系統|策略|审查|审核|过滤|過濾|检测|检查|限制|规范|准则)|版权|版權|使用条款|社区(准则|规范)",
)
_WORDS: Final = _any(r"\bprompts?\b|\btext\b|提示词|提示詞|文字|描述")
_RESULT: Final = _any(
    r"(generated|output|result(ing|ant)?|final|edited|created) (image|picture|photo|file|mask)s?",
    r"(生成|输出|輸出|结果|結果)的?(图|圖|照片)",
)
_INPUT: Final = _any(
    r"filesUrl|image content|content of the [^.]{0,20}?image",
    r"(input|uploaded|reference|provided|source|attached|original|submitted|user|your|supplied)"
    r"( \w+)? (image|picture|photo|file)",
    r"(image|picture|photo)s? (you |that you )?(uploaded|provided|attached|supplied|submitted)",
    r"(输入|輸入|上传|上傳|参考|參考|提供|原始|附上)的?(图|圖|照片)|原图",
    r"(图片|图像|圖片|照片)(内容|內容)?(包含|含有|涉及|涉嫌|违规|違規|敏感|审核|未通过|不合规|不符合|命中|存在)",
)
_PICTURE: Final = r"(image|picture|photo|mask|filesUrl|file ?url|input file|uploaded file)"
_GET: Final = r"(fetch|download|access|retriev|reach|load|get|open url|obtain)"
_FAILS: Final = r"(fail(ed|ure|s)?|error|unable|could ?n[o']t|could not|can ?not|can't|timed? ?out|problem)"
_CHINESE_PICTURE: Final = r"(图片|图像|照片|圖片|圖像|文件|蒙版|遮罩)"
_ADDRESS: Final = r"(image|picture|photo|mask|files?|input|source)[ _-]?(url|link|address)"
_OF_OTHERS: Final = (
    r"(?![ _-]?(size|count|number|ratio|request|parameter|url|link|address|model|quality|generat|upload|method|service"
    r"|list|array|field|name|id\b|prompt|operation|endpoint|edit|task|job|system|extension))"
)
"""What makes "invalid image" the fault of something else, such as "invalid image count"."""
_MASK: Final = r"(?<!attention )(?<!subnet )\bmask\b(?![^.]{0,40}?(download|fetch|retriev|access|url|load))"
_CHINESE_MASK: Final = r"(?<!子网)(蒙版|蒙板|遮罩|掩码)(?![^,，。]{0,8}?(下载|获取|访问|加载))"
_UNUSABLE_MASK: Final = _any(
    rf"{_MASK}[^.]{{0,60}}?(\bmust\b|should|\bnot\b|n['’]t\b|cannot|match|invalid|unsupported"
    r"|missing|too (large|big|small)|has no|differ|wrong|exceed|corrupt|empty|fail)",
    rf"(invalid|bad|unsupported|corrupt(ed)?|empty|wrong|unreadable|malformed|missing) {_MASK}",
    rf"{_FAILS} (\w+ ){{0,3}}?(process|read|decode|pars|identify|open|recogni[sz]|interpret|apply|use)\w* "
    rf"(\w+ ){{0,3}}?{_MASK}",
    rf"{_CHINESE_MASK}[^,，。]{{0,12}}?(不一致|不匹配|不符|不同|错误|錯誤|无效|無效|格式|必须|缺少|为空|过大|太大|太小|损坏|失败)",
    rf"(无效|無效|错误|不支持|无法(读取|识别|解析|打开|使用))的?{_CHINESE_MASK}",
)
_UNFETCHABLE: Final = _any(
    rf"{_FAILS} (\w+ ){{0,4}}?{_GET}\w* (\w+ ){{0,5}}?{_PICTURE}",
    rf"{_PICTURE}s?( \w+){{0,6}}? (could not|cannot|can ?not|can't|couldn't|failed to) be {_GET}",
    rf"{_PICTURE}s?( \w+){{0,3}}? (download|fetch)\w* (has )?(fail|error|timed? ?out)",
    rf"(download|fetch)\w* (of|for) (\w+ ){{0,4}}?{_PICTURE}s?( \w+)? (fail|timed? ?out)",
    rf"{_PICTURE}s?( \w+){{0,3}}? (is|are|was) (not|in)[ -]?(publicly )?(accessible|reachable|available|downloadable)",
    rf"(invalid|inaccessible|unreachable|broken|expired|bad) {_PICTURE}[ _-]?(url|link|address)",
    rf"{_PICTURE}[ _-]?(url|link|address)s?( \w+){{0,3}}? (is|are|has) (invalid|inaccessible|unreachable|expired)",
    rf"{_ADDRESS}s?( \w+)? (return|respond|answer|gave|gives)\w*( \w+){{0,4}}? [45]\d\d\b",
    rf"\b[45]\d\d\b[^.]{{0,20}}? (for|from|at) (\w+ ){{0,3}}?{_ADDRESS}|{_ADDRESS} (was |is )?not found",
    r"(input|uploaded|reference|provided|source|attached) (image|picture|photo|file) (was |is |could )?not (be )?found",
    rf"{_CHINESE_PICTURE}(链接|地址|url)?(下载|获取|访问|加载|读取链接|下載)(失败|超时|出错|不到|錯誤|失敗)",
    rf"(下载|获取|访问|拉取|下載)(参考|输入|上传的?|原)?{_CHINESE_PICTURE}(链接|地址)?(失败|超时|出错|失敗)",
    rf"(无法|不能|未能|無法)(下载|获取|访问|拉取|加载|下載|載入)[^,，。]{{0,6}}?{_CHINESE_PICTURE}(?!服务|模型|接口|生成)",
    rf"{_CHINESE_PICTURE}(链接|地址|url)(无效|失效|已过期|无法访问|返回 ?[45]\d\d)",
    r"(图片|图像|照片|圖片|圖像)(链接|地址|url)?(不可用|不存在|已失效)",
)
_TOO_LARGE: Final = _any(
    rf"{_PICTURE}[^.]{{0,40}}?(size exceeds|exceeds|too (large|big)|larger than|bigger than|over the (size )?limit)",
    rf"(oversized|too large) {_PICTURE}|maximum {_PICTURE} size",
    r"\b(the|your|this|input|attached) file( size)? (is |was )?(too (large|big)|larger than|bigger than|exceeds)",
    r"(图片|图像|照片|圖片|圖像|文件)[^,，。]{0,8}?(过大|太大|超过|超出|過大|超過)",
)
_TOO_SMALL: Final = _any(
    r"(image|picture|photo)( file)?( size| dimension| resolution| width| height)?s? ((is|are|was|were) )?"
    r"(too small|too low|smaller than|below the minimum)",
    r"(图片|图像|照片|圖片|圖像)的?(尺寸|分辨率|大小|宽度|高度)?(太小|过小|過小|太低|过低)",
)
_UNREADABLE: Final = _any(
    r"invalid_image_format|image_parse_error|cannot identify image|unidentifiedimage",
    r"image[ _]format|image[ _](mime|media)[ _-]?type",
    r"(invalid|corrupt(ed)?|damaged|broken|unreadable|malformed|truncated|unsupported|bad|empty) "
    rf"(input |image |base64([ -]encoded)? )?(image|picture|photo){_OF_OTHERS}",
    rf"unsupported file{_OF_OTHERS}",
    r"\b(the|your|this|uploaded|input|attached) (file|image|picture) (is|was)(n['’]t| not) supported",
    r"(image|picture|photo)( file| data| content)? (is|was) empty",
    r"\b(the|your|this|uploaded|input|attached) file (is|was) empty",
    rf"\b(file|input|attachment|upload|this|it|data|content|url)s? (is|are|was|were)(n['’]t| not) (a|an) "
    rf"(image|picture|photo){_OF_OTHERS}",
    r"(unsupported|unknown|unrecogni[sz]ed|invalid) (image|picture|photo|file) (format|type|mime|extension)",
    r"(is|are) not (a |an )?(valid|supported|readable) (image|picture|photo)",
    rf"{_FAILS} (\w+ ){{0,3}}?(process|read|decode|pars|identify|open|recogni[sz]|interpret)\w* "
    r"(\w+ ){0,3}?(image|picture|photo)(?! (generation|request|task|job|edit|model))",
    rf"{_PICTURE}s?( \w+){{0,4}}? (could not|cannot|can ?not|can't|couldn't|failed to) be "
    r"(process|read|decod|pars|open|identif|recogni)",
    rf"{_PICTURE}s?( \w+)? (is|are|was|were|seems|appears)( to be)? "
    r"(corrupt|damaged|invalid|unreadable|malformed|truncated)",
    r"(图片|图像|照片|圖片|圖像)(的)?(文件)?(格式|损坏|已损坏|解析失败|解码失败|無效|无效|無法識別|无法打开|打不开|打不開|读取(失败|错误|出错)|讀取(失敗|錯誤)|为空)",
    r"(无法|不能|未能|無法)(识别|读取|解析|解码|打开|处理|識別|讀取)[^,，。]{0,6}?(图片|图像|照片|圖片|圖像)|不支持的?(图片|图像|圖片)",
    r"无效的?(图片|图像)",
)
PICTURE_FAULTS: Final[Mapping[Reason, str]] = {
    Reason.API_MASK: _UNUSABLE_MASK,
    Reason.API_REFERENCE_TOO_LARGE: _TOO_LARGE,
    Reason.API_REFERENCE_TOO_SMALL: _TOO_SMALL,
    Reason.API_REFERENCE_UNFETCHABLE: _UNFETCHABLE,
    Reason.API_REFERENCE_FORMAT: _UNREADABLE,
}
"""What the API finds wrong with an input picture or its mask, in the order in which the words are looked for."""
_ORDINARY: Final = _any(
    r"internal (server )?error|(please )?try again|failed to get user token|server (is )?busy|service unavailable",
    r"(fail(ed)?|unable) to (generate|edit|create) (the |an )?(image|picture)|failed to edit|generation (has )?failed",
    r"tim(ed|e) ?out|overload|服务(繁忙|异常)|生成失败|请(稍后)?重试|超时",
)


_MODEL: Final = _any(
    r"\bmodel\b(?! (output|result|response))( [^\s.]+){0,5}? "
    r"(not supported|unsupported|not found|does not exist|deprecated|retired|discontinued|removed|disabled)\b",
    r"(unsupported|unknown|invalid|no such) model\b|page does not exist",
    r"field is required|not within the range of allowed|tolerance level is out of range",
    r"模型[^,，。]{0,8}?(不支持|不存在|已下线|未找到)|不支持的?模型|(字段|参数)[^,，。]{0,8}?(必填|不能为空)",
)
"""What a create is answered if the model, as the bot asks for it, does not exist, or no longer has a field or one of
its values."""


def reason_to_refuse(message: str) -> Reason | None:
    """Return the reason for which a create was refused: `reason_in`, or that its model cannot be had; None if the words
    give no reason."""
    return reason_in(message) or (Reason.MODEL_UNAVAILABLE if re.search(_MODEL, message) else None)


def reason_in(message: str) -> Reason | None:
    """Return the reason that the words give: a policy, or a fault of an input picture or its mask; None if they give
    neither."""
    about_result = re.search(_RESULT, message)
    if re.search(_REFUSAL, re.sub(_NO_REFUSAL, " ", message)):
        of_input = re.search(_INPUT, message) and not about_result and not re.search(_WORDS, message)
        return Reason.REFERENCE_POLICY if of_input else Reason.POLICY
    if about_result:
        return None
    return next((reason for reason, words in PICTURE_FAULTS.items() if re.search(words, message)), None)


def is_ordinary(message: str) -> bool:
    """Return whether the message is empty, or contains words that the API is known to send for failures without a
    cause."""
    return not message.strip() or bool(re.search(_ORDINARY, message))
