"""Stores whose records a server keeps; what each needs is an extra, imported when a store is made."""

from .base import ServedStore
from .cloudflare import CloudflareStore
from .etcd import EtcdStore
from .postgres import PostgresStore

__all__ = ["CloudflareStore", "EtcdStore", "PostgresStore", "ServedStore"]
