"""Faults planted in the engine itself, one at a time: the tests have to find each."""
