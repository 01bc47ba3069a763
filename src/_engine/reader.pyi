from trove.driver import ObjectReader

class EngineReader(ObjectReader):
    """An ObjectReader over chunks in packs; registered with ObjectReader."""

    def view(self) -> memoryview:
        """The whole range as read-only memory, verified; without a copy where it is contiguous in a pack."""
