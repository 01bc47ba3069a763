"""Power cuts: what a store is after each, held against what it had acknowledged."""
