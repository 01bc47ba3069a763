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
from .lifecycle import LifecycleSuite
from .listing import ListSuite
from .messages import MessageSuite
from .multipart import MultipartSuite
from .notification import NotificationSuite
from .presign import PresignSuite
from .put_get import PutGetSuite
from .quota import QuotaSuite
from .range_reads import RangeSuite
from .ranges import RangeReadSuite
from .reader import ReaderSuite
from .server_copy import ServerCopySuite
from .versioning import VersioningSuite


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
    RangeSuite,
    ServerCopySuite,
    MultipartSuite,
    VersioningSuite,
    NotificationSuite,
    LifecycleSuite,
    QuotaSuite,
    PresignSuite,
):
    """All that the contract asks of a driver."""


__all__ = [
    "DriverSuite",
    "LifecycleSuite",
    "MultipartSuite",
    "NotificationSuite",
    "PresignSuite",
    "QuotaSuite",
    "RangeSuite",
    "ServerCopySuite",
    "Suite",
    "VersioningSuite",
]
