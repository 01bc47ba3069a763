"""The statements that a store runs on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from trove.store import PostgresStore


def count_statements(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often ``store`` runs which statement from now on, by its first word."""
    counts: Counter[str] = Counter()
    run = store._asking().run

    def counted(statement: Any, *given: Any, **named: Any) -> Any:
        counts[statement.split()[0]] += 1
        return run(statement, *given, **named)

    monkeypatch.setattr(store._asking(), "run", counted)
    return counts
