"""Text from hosts, made safe to print: nothing in it can move the cursor, hide words or forge a line."""


def escape(text: str, *, keep_lines: bool = False) -> str:
    """Every character that could move the cursor, hide text or forge a line, written out like `\\x1b`."""
    return "".join(sign if sign.isprintable() or (keep_lines and sign == "\n") else _code(sign) for sign in text)


def _code(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")
