"""Identity: which store a folder holds, by its STORE file or whatever else says so."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from trove.errors import CorruptStoreError, InvalidDSNError, NotFoundError, TroveError

from . import store
from .foreign import PACK_HEADER, header_fits, is_of_no_pack, state_of
from .pack import Packs, is_unmade, pack_header, sync_folder
from .quarantine import Quarantine
from .scan import records
from .state import is_state
from .store import Parameters
from .verify import pack_file


class Identity:
    """What store is in the folder ``path``; ``make_parameters`` is called where it has none yet."""

    def __init__(self, path: str, make_parameters: Callable[[], Parameters]) -> None:
        self._path = path
        self._make_parameters = make_parameters
        self._misfit = "the STORE file was damaged"

    def parameters(self) -> Parameters:
        """What store it is; nothing is changed. Raises where it is none, or nothing says which."""
        return self._of_file() or self._of_packs() or self._of_text() or self._of_nothing()

    def written(self, quarantine: Quarantine, done: list[str]) -> Parameters:
        """The same; the STORE file is there afterwards, and ``done`` says so where it had to be written."""
        parameters = self._of_file()
        if parameters is not None:
            return parameters
        parameters = self.parameters()
        target = os.path.join(self._path, store.NAME)
        if os.path.lexists(target):
            quarantine.move(self._misfit, store.NAME)
            quarantine.sync()
        store.write(self._path, parameters)
        sync_folder(self._path)
        done.append("wrote the STORE file anew")
        return parameters

    def _of_file(self) -> Parameters | None:
        try:
            parameters = store.read(self._path)
        except CorruptStoreError:
            if store.made_by_newer(self._path):
                raise
            return None
        if parameters is not None:
            heads = [found for _, found in pack_heads(self._path)]
            if is_of_no_pack(self._path, bytes.fromhex(parameters.store_id), heads):
                self._misfit = "the STORE file was of another store"
                return None
        return parameters

    def _of_packs(self) -> Parameters | None:
        """From the packs' headers, which repeat them; where all are damaged, from what fits the records."""
        whole, damaged = self._named_by_packs()
        page = state_of(self._path)
        for candidates in (whole, damaged):
            # A pack of another store says so just as well: ``state`` tells, and else the greater number.
            for store_id, packed in sorted(
                candidates, key=lambda one: (not is_state(page, one[0]), -candidates[one])
            ):
                try:
                    parameters = Parameters.unpacked(store_id, packed)
                except (IndexError, ValueError):
                    continue
                if candidates is whole or self._fits(store_id):
                    return parameters
        return None

    def _named_by_packs(self) -> tuple[Counter[tuple[bytes, bytes]], Counter[tuple[bytes, bytes]]]:
        """The ids and parameters that whole headers say, and damaged ones, each with how many say so."""
        whole: Counter[tuple[bytes, bytes]] = Counter()
        damaged: Counter[tuple[bytes, bytes]] = Counter()
        for number, found in pack_heads(self._path):
            if len(found) < PACK_HEADER:
                continue
            version, store_id, packed = int.from_bytes(found[8:12], "little"), found[16:32], found[32:48]
            if found == pack_header(number, store_id, packed):
                whole[store_id, packed] += 1
            elif version > store.FORMAT and header_fits(found):
                raise CorruptStoreError(
                    f"{pack_file(number)} has the format {version} and this Trove knows {store.FORMAT}: "
                    "a newer one made it; update Trove"
                )
            else:
                damaged[store_id, packed] += 1
        return whole, damaged

    def _fits(self, store_id: bytes) -> bool:
        """Whether some pack has a record under the seed of that store."""
        packs = Packs(os.path.join(self._path, "packs"), store_id, b"")
        for number in packs.numbers():
            try:
                if next(records(packs, number), None) is not None:
                    return True
            except TroveError:
                continue
        return False

    def _of_text(self) -> Parameters | None:
        """From what the damaged STORE file still says, if the records of a pack fit the id in it."""
        try:
            with open(os.path.join(self._path, store.NAME), "rb") as file:
                text = file.read(1 << 16)
        except OSError:
            return None
        found = re.search(rb'"store_id": "([0-9a-f]{32})"', text)
        if not found or not self._fits(bytes.fromhex(found[1].decode())):
            return None
        try:
            return Parameters(**json.loads(text.partition(b"\n")[2].partition(b"\n")[0]))
        except (TypeError, ValueError):
            return replace(self._make_parameters(), store_id=found[1].decode())

    def _of_nothing(self) -> Parameters:
        """A new identity, for a store that has no data yet. Raises CorruptStoreError where there is some.

        InvalidDSNError or NotFoundError where there is no store.
        """
        if any(len(found) >= PACK_HEADER for _, found in pack_heads(self._path)):
            raise CorruptStoreError(
                f"{os.path.join(self._path, store.NAME)} is damaged or missing and no pack says which store "
                "it was; put back a copy of the file, or copy any other file of the store that is whole, and "
                "repair again"
            )
        if not store.looks_like_one(self._path):
            if not os.listdir(self._path):
                raise NotFoundError(
                    f"there is no store in {self._path}; check the path, or open it to make one"
                )
            raise InvalidDSNError(
                f"{self._path} is not a store of Trove, or nothing of it is left; check the path"
            )
        return self._make_parameters()


def pack_heads(path: str) -> list[tuple[int, bytes]]:
    """The header of every pack of the store at ``path``, or what there is of it, with the pack's number."""
    folder = os.path.join(path, "packs")
    if not os.path.isdir(folder):
        return []
    heads = []
    packs = Packs(folder, b"", b"")
    for number in packs.numbers():
        try:
            with open(packs.path(number), "rb") as file:
                found = file.read(PACK_HEADER + 1)
                heads.append((number, b"" if is_unmade(found) else found[:PACK_HEADER]))
        except OSError:
            pass  # its content is missed later, by what refers to it
    return heads
