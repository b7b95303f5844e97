"""Numbers as people read them: with units, three digits that count, and no sign that could be taken for zero."""

_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_MOST_BYTES = 2.0**70  # more than there is; a whole number of any length is told as this
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def span(seconds: float) -> str:
    """A length of time in its largest unit: 4 s, 12 min, 3 h, 2 d."""
    for size_seconds, unit in _SPANS:
        if seconds >= size_seconds:
            return f"{int(seconds // size_seconds)} {unit}"
    return f"{max(0, int(seconds))} s"


def significant(value: float) -> str:
    """Three significant digits, whole numbers from 100 on, never an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    places = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{places}f}"


def size(value: float) -> str:
    """Bytes in IEC units."""
    value = min(max(value, -_MOST_BYTES), _MOST_BYTES)
    for unit in _UNITS[:-1]:
        if abs(value) < 1024:
            return f"{significant(value)} {unit}"
        value /= 1024
    return f"{significant(value)} {_UNITS[-1]}"


def quantity(metric: str, value: float) -> str:
    """A reading's value with the unit that its metric's name ends in."""
    if metric.endswith("_percent"):
        return f"{value:.1f} %"
    if metric.endswith("_bytes"):
        return size(value)
    if metric.endswith("_bytes_per_second"):
        return f"{size(value)}/s"
    if metric.endswith("_per_second"):
        return f"{significant(value)} /s"
    if metric.endswith("_seconds"):
        return f"{significant(value)} s" if value < 60 else span(value)
    return significant(value)
