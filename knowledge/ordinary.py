"""Lines that name a problem without having it: tests, counters at zero, searches, comments, alarms that cleared.

Each expression is held against the line of a hit, where `<hit>` stands for the words that matched. Only what stands
right beside the hit or is unmistakable may be listed here: a wrong entry hides a real problem.
"""

HIT = "<hit>"

_LINKING_WORDS = (
    r"(?:(?:a|an|any|the|of|for|from|on|with|when|all|each|possible|potential|occasional|intermittent|transient|rare|"
    r"false|spurious|expected|previous|past|old|errors?|messages?|exception|warning|alert) )*[\"'(\[<]*"
)
_NEGATED = (
    r"(?: (?:a|an|any|more|further|new|single|longer|such|recent|seen|got|getting|observed|found|hit|reported))* "
    r"?[\"'(]*<hit>"
)
_ZERO = r"(?:0|0\.0+|false|no|none|never|null|nil|off|disabled|passed|ok|okay|n/a)"

_COUNTED_AS_ZERO = (
    r"<hit>[\w\"'\]]*(?: (?:errors?|count|total|failures?|events?|seen))?[\"']? ?(?:[=:]|->|is|was) ?[\"'(]?"
    + _ZERO
    + r"[\"')]?(?: ?[,;}\])|.]| *$)",
    r"<hit>[\"']?[=:][\"']?(?:0|false|none|null)(?:[\s,;}\])|.\"']|$)",
    r"<hit>[\"']?:? (?:errors? |events? )?(?:is |was |reset to |now )*(?:0|zero) ?(?:mal|times|occurrences|hits|x)\b",
    r"<hit>[\"']?:? (?:errors? |events? )?(?:counts?|counters?|totals?)\b ?[:=]? ?(?:is |was |of |reset to |now )*"
    r"(?:0|zero)\b",
    r"(?:^|[,;(] ?|with |had |were |was |saw )(?:0|zero) [\"']?<hit>",
    r"\b(?:0|zero) [\"']?<hit>[\"']? (?:errors?|events?|occurrences|messages|exceptions|alerts)\b",
)
_DENIED = (
    r"\b(?:no|without|never|not|none of|0 ?x|free of|neither|nor)" + _NEGATED,
    r"\bno longer (?:sees?|gets?|getting|seeing|reports?|occurs?|returns?|fails with|shows?) [\"']?<hit>",
    r"<hit>[\"']? (?:\w+ )?(?:disabled|skipped|inactive|no longer)\b",
)
_TALKED_ABOUT = (
    r"\b(?:fix(?:e[sd]|ing)?|avoid(?:s|ed|ing)?|prevent(?:s|ed|ing)?|handl(?:es?|ing|ed)|handlers?|"
    r"simulat(?:es?|ed|ing|ion of)|mock(?:s|ed|ing)?|ignor(?:es?|ed|ing)|expect(?:s|ed|ing)?|reproduc(?:es?|ing)|"
    r"inject(?:s|ed|ing)?|document(?:s|ed|ing)|suppress(?:es|ed|ing)?|tolerat(?:es?|ed|ing)|survives?|"
    r"retry(?:ing)? (?:on|upon)|retries on|how to|what is|what does|what to do about|guide to|runbook|alerts? on|"
    r"(?:watch(?:es|ing)?|check(?:s|ed|ing)?|search(?:ed|es|ing)?|look(?:ed|s|ing)?|scan(?:ned|s|ning)?|"
    r"monitor(?:s|ed|ing)?) for|filter(?:s|ed|ing)?(?: for)?|in case of|instead of|recovered from|resolved|cleared|"
    r"solved) " + _LINKING_WORDS + r"<hit>",
    r"<hit>[\"']? (?:errors? )?(?:handling|handlers?|monitor|monitoring|tests?|test case|counters?|detection|"
    r"simulation|page|dialog|runbook|stopped|ceased|disappeared)(?:[\s,;).]|$)",
    r"\bif you (?:see|get)\b[^\n]{0,40}<hit>",
    r"\b(?:rule|template|trigger|panel|dashboard|chapter|section|article|page) [\"'(]<hit>",
    r"\b(?:simulation|dry[ -]run|drill)\b[^.\n]{0,80}<hit>",
    r"\b(?:feat|fix|docs|chore|test|refactor)(?:\([^)]*\))?!?: [^\n]{0,100}<hit>",
    r"\b(?:Merge (?:pull request|branch)|Closes #|Fixes #|commit [0-9a-f]{7,40})\b[^\n]{0,100}<hit>",
    r"/(?:[\w.%-]+/)*<hit>[\w./%-]*[\"']? HTTP/",
)
_OVER = (
    r"<hit>[\"')\]]*(?: (?:error|errors|condition|alarm|alert|problem|issue|exception|incident|event))*[\"']?,? [(]?"
    r"(?:(?:is|was|has been|have been|are|were|now|been|will be|gets?|got) )*(?:recovered|resolved|cleared|fixed|gone|"
    r"handled|expected|ignored|solved|healed|mitigated|simulated|tolerated|as expected|not seen|documented|deprecated|"
    r"suppressed|retryable|retriable)\b",
    r"<hit>[\"')]* (?:succeeded|successful|worked)\b",
    r"<hit>.{0,120}\b(?:as expected|reconnected|recovered|(?:retry|attempt)[^.\n]{0,20} succeeded|"
    r"succeeded (?:on|after)|then succeeded|is harmless|can be ignored|safely ignored|in the past|"
    r"last (?:week|month|year)|(?:connected|ok) after (?:retry|\d+))\b",
    r"\b(?:reconnected|recovered|succeeded|connected|ok|back|again|up) after "
    r"(?:an? |the |earlier |initial |transient )*[\"'(]?<hit>",
    r"\[RESOLVED\][^\n]{0,80}<hit>",
    r"\b(?:alerts?|incident|alarm|issue|problem|ticket)\b[^\n]{0,20}\b(?:resolved|cleared|recovered)\b[^.\n]{0,60}<hit>",
)
_TEST_REPORT = (
    r"(?:✓|✔|√|\bPASS(?:ED)?\b|--- PASS|\bok \d+ |\bok\b -|\[ *(?:OK|PASSED) *\]).{0,150}<hit>",
    r"<hit>.{0,150}(?:✓|✔|\bPASS(?:ED)?\b|\.\.\. ?ok\b|\[ *(?:OK|PASSED) *\])",
    r"\b(?:test|tests|testcase|unit test|spec|scenario|it|describe)\b[ (:]+[\"'][^\"'\n]{0,120}<hit>",
    r"\btest_\w*<hit>",
)
_SOURCE_OR_COMMAND = (
    r"^\s*(?://|/\*|<!--|# )[^\n]{0,200}<hit>",
    r"[\s;]#[ ][^\n]{0,20}\b(?:avoids?|prevents?|against|otherwise|because)\b[^\n]{0,60}<hit>",
    r"#define\b[^\n]{0,100}<hit>",
    r"^\s*<hit> ?= ?-?\d+,? *(?:[/#;].*)?$",
    r"^\s*(?:if|else if|elif|case|except|catch|return|assert\w*|expect|let|const|var|throw|raise|func|def)\b[ (]"
    r"[^\n]{0,160}<hit>[^\n]{0,80}[({:;,)'\"]\s*$",
    r"\b(?:console\.\w+|log(?:ger)?\.\w+|fmt\.\w+|errors\.New|printf?|echo)\([^\n]{0,80}<hit>",
    r"(?:==|!=|===|\bin \(|\.contains\(|\.includes\(|\.match\(|=~|instanceof|errors\.Is\(|isinstance\()"
    r"[^\n]{0,40}<hit>",
    r"\b(?:grep|egrep|fgrep|zgrep|rg|ag|ack|ripgrep|journalctl|awk|sed)(?: -\S+)* [\"'][^\"'\n]{0,80}<hit>",
    r"\b(?:pattern|regex|regexp|expression|match|expr|failregex|alertname|query|usage)[\"']?\s*[=:]\s*[\"'/(^.*]*<hit>",
    r"<hit>[^\n]{0,80}\{\{",
)

EXPRESSIONS: tuple[str, ...] = (
    *_COUNTED_AS_ZERO,
    *_DENIED,
    *_TALKED_ABOUT,
    *_OVER,
    *_TEST_REPORT,
    *_SOURCE_OR_COMMAND,
)
