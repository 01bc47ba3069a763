from trove.driver import ObjectInfo

class EngineInfo(ObjectInfo):
    """An ObjectInfo over an object's row, decoded as far as it is asked for; registered with ObjectInfo."""

    @property
    def row(self) -> bytes:
        """The object's row in the index, without its checksum."""

    def plain(self) -> ObjectInfo:
        """The same as an ``ObjectInfo`` of the contract's own class."""

def info_of_row(key: str, row: bytes) -> EngineInfo: ...
