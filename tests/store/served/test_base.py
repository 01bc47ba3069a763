"""ServedStore: what each needs that is not installed with everything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest

from trove import store
from trove.errors import UnsupportedOptionError
from trove.store import CloudflareStore, EtcdStore, PostgresStore, Store

MAKES: dict[str, tuple[str, Callable[[], Store], str]] = {
    "cloudflare": ("urllib3", partial(CloudflareStore, "a", "b", "c"), "cloudflare://a:b@c"),
    "etcd": ("urllib3", partial(EtcdStore, "host"), "etcd://host"),
    "postgres": ("psycopg", partial(PostgresStore, "postgresql://host/db"), "postgresql://host/db"),
}
"""By the name of the extra: the package that it brings, and two ways to make a store that needs it."""


@pytest.mark.parametrize("extra", MAKES)
def test_package_that_is_missing_is_an_error_that_names_the_extra(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, make, dsn = MAKES[extra]
    monkeypatch.setitem(sys.modules, package, None)
    for made in (make, partial(store.open, dsn)):
        with pytest.raises(UnsupportedOptionError, match=rf"pip install 'trove-engine\[{extra}\]'"):
            made()


def test_stores_are_imported_without_the_packages() -> None:
    packages = {package for package, *_ in MAKES.values()}
    program = f"import sys; sys.modules |= dict.fromkeys({packages}); import trove.store.served"
    subprocess.run([sys.executable, "-c", program], check=True)
