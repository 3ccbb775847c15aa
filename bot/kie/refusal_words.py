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


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _no_refusals() -> Iterable[str]:
    """Return phrases that share a word with refusals and mean something else."""
    yield r"\b(access|constraint|protocol|segmentation|limit|rate|quota|schema|validation|sharing|\w*key) violations?"
    yield r"violat\w* [^.]{0,60}?(constraint|schema|protocol|limit)"
    yield r"(retry|rate[- ]limit\w*|cors|cache|bucket|network|security|password|access)[- ]polic(y|ies)"
    yield r"(referrer|referer|scaling|eviction|connection|timeout|routing|retention|iam|origin)[- ]polic(y|ies)"
    yield r"(case|time)[- ]?sensitive|unsafe (url|port|redirect|header|operation)"
    yield r"moderation (service|api|system|server|request)[^.]{0,40}?(unavailable|tim(ed|e) ?out|down|overload)"
    yield r"大小写敏感|区分大小写"
    yield r"(账号|账户|帐号|企业|实名|身份)[^,，。]{0,6}?(审核|審核)"
    yield r"(审核|審核)(服务|系统|接口)[^,，。]{0,8}?(超时|不可用|异常)"
    yield r"违反[^,，。]{0,6}?约束"


_NO_REFUSAL: Final = _any(*_no_refusals())
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
    r"敏感|违规|違規|审核|審核|违反|違反|政策|不合规|不合規|不当内容|不當內容|违禁|違禁|禁止(的)?(内容|生成)|色情|涉黄|涉政|暴力|血腥",
    r"(内容|內容)(不)?安全|安全(系统|系統|策略|审查|审核|过滤|過濾|检测|检查|限制|规范|准则)|版权|版權|使用条款|社区(准则|规范)",
)
_WORDS: Final = _any(r"\bprompts?\b|\btext\b|提示词|提示詞|文字|描述")
_RESULT: Final = _any(
    r"(generated|output|result(ing|ant)?|final|edited|created) (image|picture|photo|file)s?",
    r"(生成|输出|輸出|结果|結果)的?(图|圖|照片)",
)
_INPUT: Final = _any(
    r"filesUrl|image content|content of the [^.]{0,20}?image",
    r"(input|uploaded|reference|provided|source|attached|original|submitted|user|your|supplied)"
    r"( \w+)? (image|picture|photo|file)",
    r"(image|picture|photo)s? (you |that you )?(uploaded|provided|attached|supplied|submitted)",
    r"(输入|輸入|上传|上傳|参考|參考|提供|原始|附上)的?(图|圖|照片)|原图",
    r"(图片|图像|圖片|照片)(内容|內容)?(包含|含有|涉及|涉嫌|违规|違規|敏感|审核|未通过|不合规)",
)
_PICTURE: Final = r"(image|picture|photo|filesUrl|file ?url|input file|uploaded file)"
_GET: Final = r"(fetch|download|access|retriev|reach|load|get|open url|obtain)"
_FAILS: Final = r"(fail(ed|ure|s)?|error|unable|could ?n[o']t|could not|can ?not|can't|timed? ?out|problem)"
_CHINESE_PICTURE: Final = r"(图片|图像|照片|圖片|圖像|文件)"
_UNFETCHABLE: Final = _any(
    rf"{_FAILS} (\w+ ){{0,4}}?{_GET}\w* (\w+ ){{0,5}}?{_PICTURE}",
    rf"{_PICTURE}s?( \w+){{0,6}}? (could not|cannot|can ?not|can't|couldn't|failed to) be {_GET}",
    rf"{_PICTURE}s?( \w+){{0,3}}? (download|fetch)\w* (has )?(fail|error|timed? ?out)",
    rf"(download|fetch)\w* (of|for) (\w+ ){{0,4}}?{_PICTURE}s?( \w+)? (fail|timed? ?out)",
    rf"{_PICTURE}s?( \w+){{0,3}}? (is|are|was) (not|in)[ -]?(publicly )?(accessible|reachable|available|downloadable)",
    rf"(invalid|inaccessible|unreachable|broken|expired|bad) {_PICTURE}[ _-]?(url|link|address)",
    rf"{_PICTURE}[ _-]?(url|link|address)s?( \w+){{0,3}}? (is|are|has) (invalid|inaccessible|unreachable|expired)",
    rf"{_CHINESE_PICTURE}(链接|地址|url)?(下载|获取|访问|读取链接|下載)(失败|超时|出错|不到|錯誤|失敗)",
    rf"(下载|获取|访问|拉取|下載)(参考|输入|上传的?|原)?{_CHINESE_PICTURE}(链接|地址)?(失败|超时|出错|失敗)",
    rf"(无法|不能|未能|無法)(下载|获取|访问|拉取|下載)[^,，。]{{0,6}}?{_CHINESE_PICTURE}|{_CHINESE_PICTURE}(链接|地址|url)(无效|失效|已过期|无法访问)",
)
_TOO_LARGE: Final = _any(
    rf"{_PICTURE}[^.]{{0,40}}?(size exceeds|exceeds|too (large|big)|larger than|bigger than|over the (size )?limit)",
    rf"(oversized|too large) {_PICTURE}|maximum {_PICTURE} size",
    r"(图片|图像|照片|圖片|圖像|文件)[^,，。]{0,8}?(过大|太大|超过|超出|過大|超過)",
)
_UNREADABLE: Final = _any(
    r"invalid_image_format|image_parse_error|cannot identify image|unidentifiedimage",
    r"image[ _]format|image[ _](mime|media)[ _-]?type",
    r"(invalid|corrupt(ed)?|damaged|broken|unreadable|malformed|truncated) (input |image )?(image|picture|photo)"
    r"(?![ _-]?(size|count|number|ratio|request|parameter|url|link|address|model|quality|generation))",
    r"(unsupported|unknown|unrecogni[sz]ed|invalid) (image|picture|photo|file) (format|type|mime|extension)",
    r"(is|are) not (a |an )?(valid|supported|readable) (image|picture|photo)",
    rf"{_FAILS} (\w+ ){{0,3}}?(process|read|decode|pars|identify|open|recogni[sz]|interpret)\w* "
    r"(\w+ ){0,3}?(image|picture|photo)(?! (generation|request|task|job|edit|model))",
    rf"{_PICTURE}s?( \w+){{0,4}}? (could not|cannot|can ?not|can't|couldn't|failed to) be "
    r"(process|read|decod|pars|open|identif|recogni)",
    rf"{_PICTURE}s?( \w+)? (is|are|was|were|seems|appears)( to be)? "
    r"(corrupt|damaged|invalid|unreadable|malformed|truncated)",
    r"(图片|图像|照片|圖片|圖像)(的)?(文件)?(格式|损坏|已损坏|解析失败|解码失败|無效|无效|無法識別|读取失败)",
    r"(无法|不能|未能|無法)(识别|读取|解析|解码|打开|处理|識別|讀取)[^,，。]{0,6}?(图片|图像|照片|圖片|圖像)|不支持的?(图片|图像|圖片)",
    r"无效的?(图片|图像)",
)
PICTURE_FAULTS: Final[Mapping[Reason, re.Pattern[str]]] = {
    Reason.API_REFERENCE_TOO_LARGE: _TOO_LARGE,
    Reason.API_REFERENCE_UNFETCHABLE: _UNFETCHABLE,
    Reason.API_REFERENCE_FORMAT: _UNREADABLE,
}
"""What the API finds wrong with an input picture, in the order in which the words are looked for."""
_ORDINARY: Final = _any(
    r"internal (server )?error|(please )?try again|failed to get user token|server (is )?busy|service unavailable",
    r"(fail(ed)?|unable) to (generate|edit|create) (the |an )?(image|picture)|failed to edit|generation (has )?failed",
    r"tim(ed|e) ?out|overload|服务(繁忙|异常)|生成失败|请(稍后)?重试|超时",
)


def reason_in(message: str) -> Reason | None:
    """Return the reason that the words give: a policy, or a fault of an input picture. None if they give neither."""
    about_result = _RESULT.search(message)
    if _REFUSAL.search(_NO_REFUSAL.sub(" ", message)):
        of_input = _INPUT.search(message) and not about_result and not _WORDS.search(message)
        return Reason.REFERENCE_POLICY if of_input else Reason.POLICY
    if about_result:
        return None
    return next((reason for reason, words in PICTURE_FAULTS.items() if words.search(message)), None)


def is_ordinary(message: str) -> bool:
    """Return whether the message is empty, or contains words that the API is known to send for failures without a
    cause."""
    return not message.strip() or bool(_ORDINARY.search(message))
