"""Users' rule files as they are in force."""

from sqlalchemy import Engine

from store.engine import reading, transaction
from store.response import RuleFile
from store.rule_files import keep_rule_files, rule_files


def read(engine: Engine) -> list[RuleFile]:
    with reading(engine) as connection:
        return rule_files(connection)


def keep(engine: Engine, now_ms: int, **contents: str) -> None:
    with transaction(engine) as connection:
        keep_rule_files(connection, {f"{name}.yaml": content for name, content in contents.items()}, now_ms)


def test_what_is_in_force_replaces_what_was(store_engine: Engine) -> None:
    keep(store_engine, 1_000, disk="- id: a\n", web="[]")
    keep(store_engine, 2_000, disk="- id: b\n", web="[]", mail="\u00e9")
    assert read(store_engine) == [
        RuleFile(name="disk.yaml", content="- id: b\n", loaded_ms=2_000),
        RuleFile(name="mail.yaml", content="\u00e9", loaded_ms=2_000),
        RuleFile(name="web.yaml", content="[]", loaded_ms=1_000),
    ]
    keep(store_engine, 3_000, mail="\u00e9")
    assert [file.name for file in read(store_engine)] == ["mail.yaml"]
    keep(store_engine, 4_000)
    assert read(store_engine) == []
