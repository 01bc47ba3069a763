"""The conformance suites, one class per part of the contract, and all of them in one."""

from __future__ import annotations

from .arguments import ArgumentSuite
from .atomicity import AtomicitySuite
from .base import Suite
from .bucket import BucketSuite
from .closing import ClosingSuite
from .concurrency import ConcurrencySuite, PingSuite
from .conditional import ConditionalSuite
from .copying import CopySuite
from .cursor import CursorSuite
from .data import DataSuite
from .delete_head import DeleteSuite, HeadSuite
from .delimiter import DelimiterSuite
from .expiry import ExpirySuite
from .info import InfoSuite
from .keys import KeySuite
from .listing import ListSuite
from .messages import MessageSuite
from .put_get import PutGetSuite
from .ranges import RangeReadSuite
from .reader import ReaderSuite


class DriverSuite(
    PingSuite,
    BucketSuite,
    PutGetSuite,
    DataSuite,
    KeySuite,
    InfoSuite,
    DeleteSuite,
    HeadSuite,
    ListSuite,
    DelimiterSuite,
    CursorSuite,
    CopySuite,
    RangeReadSuite,
    ReaderSuite,
    ConditionalSuite,
    AtomicitySuite,
    ConcurrencySuite,
    ExpirySuite,
    ArgumentSuite,
    ClosingSuite,
    MessageSuite,
):
    """All that the contract asks of a driver."""


__all__ = ["DriverSuite", "Suite"]
