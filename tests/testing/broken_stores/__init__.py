"""Deliberately broken stores, one fault each, with the tests that must fail on them and no others."""

from . import faults
from .fault import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "faults"]
