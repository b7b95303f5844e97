"""Lines that name a problem without having it: tests, counters at zero, searches, comments, alarms that cleared.

Each expression is held against the line of a hit, where `<hit>` stands for the words that matched. Only what is right
beside the hit or unmistakable may be listed here: a wrong entry hides a real problem.
"""

HIT = "<hit>"

_LINK = (
    r"""(?:(?:a|an|any|the|of|for|from|on|with|when|all|each|possible|potential|occasional|intermittent|transient|rare|"""
    r"""false|spurious|expected|previous|past|old|error|errors|message|messages|exception|warning|alert) )*["'(\[<]*"""
)

EXPRESSIONS: tuple[str, ...] = (
    # A value after the words: "permission denied: false", "connection_refused=0"
    r"""^.*<hit>[\w"'\]]*(?: (?:errors?|count|total|failures?|events?|seen))?["']? ?(?:[=:]|->|is|was) ?["'(]?(?:0|0\.0+|false|no|none|never|null|nil|off|disabled|passed|ok|okay|n/a)["')]?(?: ?[,;}\])|.]| *$)""",
    # A negation before them: "no connection refused", "0 x too many open files"
    r"""\b(?:no|without|zero|0|never|not|none of|0 ?x|free of|neither|nor)(?: (?:a|an|any|more|further|new|single|longer|such|recent|seen|got|getting|observed|found|hit|reported))* ?["'(:]*<hit>""",
    # Said about the words, not by a program that has them
    r"""\b(?:fix(?:e[sd]|ing)?|avoid(?:s|ed|ing)?|prevent(?:s|ed|ing)?|handl(?:es?|ing|ed)|handlers?|simulat(?:es?|ed|ing|ion of)|mock(?:s|ed|ing)?|ignor(?:es?|ed|ing)|expect(?:s|ed|ing)?|reproduc(?:es?|ing)|inject(?:s|ed|ing)?|document(?:s|ed|ing)|suppress(?:es|ed|ing)?|tolerat(?:es?|ed|ing)|survives?|retry(?:ing)? (?:on|upon)|retries on|how to|what is|what does|guide to|article|runbook|alert on|alerts on|watch(?:es|ing)? for|check(?:s|ed|ing)? for|search(?:ed|es|ing)? for|look(?:ed|s|ing)? for|scan(?:ned|s|ning)? for|filter(?:s|ed|ing)?(?: for)?|monitor(?:s|ed|ing)? for|in case of|instead of|recover(?:s|ed|ing|y)? from|resolved|cleared|solved) """
    + _LINK
    + r"<hit>",
    r"""<hit>["')\]]*(?: (?:error|errors|condition|alarm|alert|problem|issue|exception|incident|event))*,? (?:(?:is|was|has been|have been|are|were|now|been|will be|gets?|got) )*(?:recovered|resolved|cleared|fixed|gone|handled|expected|ignored|solved|healed|mitigated|simulated|tolerated|as expected|no longer|not seen|documented|deprecated|suppressed|retryable|retriable)\b""",
    r"""<hit>.{0,120}\b(?:as expected|reconnected|recovered|(?:retry|attempt)[^.]{0,20} succeeded|succeeded (?:on|after)|then succeeded|no longer|test passed|is harmless|can be ignored|safely ignored|in the past|last (?:week|month|year)|(?:connected|ok) after (?:retry|\d+))\b""",
    r"""\b(?:recovered|resolved|cleared|no longer|back to normal|previously|simulation|dry[ -]run|drill)\b[^.]{0,80}<hit>""",
    # Test reports
    r"""(?:✓|✔|√|\bPASS(?:ED)?\b|--- PASS|\bok \d+ |\bok\b -|\[ *(?:OK|PASSED) *\]).{0,150}<hit>""",
    r"""<hit>.{0,150}(?:✓|✔|\bPASS(?:ED)?\b|\.\.\. ?ok\b|\[ *(?:OK|PASSED) *\]|\(\d+ ?ms\) *$)""",
    r"""\b(?:test|tests|testcase|unit test|spec|scenario|it|describe)\b[ (:]+["'][^"']{0,120}<hit>""",
    r"""\btest_\w*<hit>""",
    # Source, configuration and comments
    r"""^\s*(?://|/\*|<!--|# )[^\n]{0,200}<hit>""",
    r"""^\s*(?:if|else if|elif|case|except|catch|return|assert\w*|expect|#define|const|let|var|when|throw|raise|errors?\.New|func|def|class|import|from|printf?|console\.\w+|log\.\w+)\b[ ({][^\n]{0,160}<hit>""",
    r"""(?:==|!=|===|\bin \(|\.contains\(|\.includes\(|\.match\(|=~|instanceof|errors\.Is\(|isinstance\()[^\n]{0,40}<hit>""",
    r"""\b(?:grep|egrep|fgrep|zgrep|rg|ag|ack|ripgrep)(?: -\S+)* ["'][^"'\n]{0,80}<hit>""",
    r"""\b(?:pattern|regex|regexp|expression|match|expr|failregex|summary|description|annotation|alertname|subject|title|query|help|usage)["']?\s*[=:]\s*["'/(^.*]*<hit>""",
    r"""\b(?:feat|fix|docs|chore|test|refactor)(?:\([^)]*\))?!?: [^\n]{0,100}<hit>""",
    r"""\b(?:Merge (?:pull request|branch)|Closes #|Fixes #|commit [0-9a-f]{7,40})\b[^\n]{0,100}<hit>""",
)
