"""What is on disk when a write is acknowledged: all of it, and all that it follows in the log."""

from __future__ import annotations

import json
from pathlib import Path

from harness import faults


def test_nothing_that_was_acknowledged_as_durable_is_unflushed(fault_library: Path, tmp_path: Path) -> None:
    ran = faults.run(fault_library, "flushing_writer", tmp_path, timeout=300)
    assert ran.returncode == 0, ran.stderr
    checks = json.loads(ran.stdout)
    assert len(checks) > 10
    assert [name for name, passed in checks.items() if not passed] == [], ran.stderr
