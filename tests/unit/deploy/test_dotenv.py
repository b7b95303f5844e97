"""`.env` is read as compose reads it."""

from pathlib import Path

from deploy.local.dotenv import read_dotenv


def test_without_the_file_nothing_is_set(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}


def test_keys_values_quotes_and_comments(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('# a comment\nPLAIN=a=b\n\nexport EXPORTED=1\n QUOTED = "two words" \nEMPTY=\nno pair\n\'=\n')
    assert read_dotenv(file) == {"PLAIN": "a=b", "EXPORTED": "1", "QUOTED": "two words", "EMPTY": "", "'": ""}
