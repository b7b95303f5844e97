"""Numbers and times as people read them; times are UTC."""

from datetime import UTC, datetime


def age_seconds(moment: str, now_seconds: float) -> float:
    return max(0.0, now_seconds - datetime.fromisoformat(moment).timestamp())


def clock(moment: str, now_seconds: float) -> str:
    """The time of day; with its date unless that is today's. UTC."""
    at = datetime.fromisoformat(moment).astimezone(UTC)
    today = datetime.fromtimestamp(now_seconds, UTC).date()
    return at.strftime("%H:%M:%S" if at.date() == today else "%Y-%m-%d %H:%M:%S")


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
