SLICE: int
BESIDE: int
