"""Texts of others, made fit to travel: a record is UTF-8, a database takes no NUL, a terminal obeys what is no text."""

NUL = "\0"


def plain_text(text: str) -> str:
    """In characters that can be printed, with line ends and tabs; bytes that are no UTF-8 are written like \\udcff."""
    encodable = text.encode("utf-8", "backslashreplace").decode()
    return "".join(character for character in encodable if character.isprintable() or character in "\n\t").strip()


def why_unfit(text: str) -> str:
    """Why `text` cannot stand in a record as it is; empty when it can."""
    if NUL in text:
        return "holds the character U+0000"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds bytes that are no UTF-8"
    return ""
