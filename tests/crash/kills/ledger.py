"""What a client says of its calls, in a file that outlives it: before each call, and after it.

A client alone writes its keys, one call after the other. So at any time its keys are as its calls that
returned left them, but for the call that was under way, which was made whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

State = dict[str, str]  # the name of what each key holds
Changes = Mapping[str, str | None]  # None for a key that is deleted


MORTAL = "mortal "  # what the keys begin with that may go at any time


def changed(state: State, changes: Changes) -> State:
    after = {**state, **changes}
    return {key: name for key, name in after.items() if name is not None}


@dataclass
class Account:
    """What a ledger says: how the keys were after the last call that ended, and the one that did not."""

    settled: State = field(default_factory=dict)
    under_way: Changes | None = None
    calls: int = 0

    def check(self, found: State) -> None:
        """Raise AssertionError unless keys can be as they were ``found``."""
        possible = [self.settled]
        if self.under_way is not None:
            possible.append(changed(self.settled, self.under_way))
        assert any(same(found, each) for each in possible), (
            f"found {found}, and acknowledged was {self.settled}; under way was {self.under_way}"
        )


def same(found: State, possible: State) -> bool:
    """Whether keys are as they can be, but for those that time has taken."""
    return found == {
        key: name for key, name in possible.items() if key in found or not key.startswith(MORTAL)
    }


class Ledger:
    """The file of one client. Each line is in it before the next call is made."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        # A client can be killed in the middle of a line; the call before or after it was then not made or
        # has no end that anybody was told.
        whole = path.read_bytes().rpartition(b"\n")
        os.ftruncate(self._fd, len(whole[0]) + len(whole[1]))
        self._path = path

    def begin(self, changes: Changes) -> None:
        self._say("begun", changes)

    def done(self) -> None:
        self._say("done")

    def raised(self) -> None:
        self._say("raised")

    def settle(self, found: State) -> None:
        """The keys are like this; from now on the call that was under way is one that ended."""
        self._say("found", found)

    def account(self) -> Account:
        account = Account()
        for line in self._path.read_text().splitlines():
            word, what = json.loads(line)
            if word == "begun":
                assert account.under_way is None, "a call was begun before the last one ended"
                account.under_way = what
                account.calls += 1
                continue
            if word == "found":
                account.settled = what
            elif word == "done":
                assert account.under_way is not None
                account.settled = changed(account.settled, account.under_way)
            account.under_way = None
        return account

    def close(self) -> None:
        os.close(self._fd)

    def _say(self, word: str, what: Changes | None = None) -> None:
        os.write(self._fd, json.dumps([word, what]).encode() + b"\n")
