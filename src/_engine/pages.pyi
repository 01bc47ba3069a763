def check_pages(path: str, seals: bool = True) -> None:
    """Raise CorruptStoreError unless LMDB can be trusted with the index's file, to which nobody writes.

    Without ``seals`` rows that are not as their seals have them are let pass.
    """
