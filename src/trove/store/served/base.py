"""ServedStore: what stores have in common whose records a server keeps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from ...driver import check_timeout
from ...errors import InvalidArgumentError, UnsupportedOptionError, shown
from ..base import Store

LONGEST_TIMEOUT = 86_400.0
"""Seconds."""

# What to do about a call that had no answer, as its error says.
NOT_DONE = "try later"
MAYBE_DONE = "whether it was done is not known: look before you try again"


class Closable(Protocol):
    """What has something to close."""

    def close(self) -> None: ...


Servers = TypeVar("Servers", bound=Closable)
"""What asks the servers of a store."""


class ServedStore(Store, Generic[Servers]):
    """Records on a server.

    With the option ``nodes``, which is of use here, they are addresses of servers that all have the records,
    asked in their order until one answers. Its own option is ``timeout``: the seconds after which a call that
    has no answer raises :class:`~trove.errors.BackendUnavailableError`, all its tries together; 10 by itself.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {**Store.OPTIONS, "timeout": 10.0}
    HAS_NODES: ClassVar[bool] = True

    REACHED_BY: ClassVar[tuple[str, ...]] = ("nodes", "timeout")
    """The options that what asks the servers is made with."""

    _reached: Servers | None = None
    _reached_with: list[object] | None = None

    @property
    def _timeout(self) -> float:
        timeout: float = self._options["timeout"]
        return timeout

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        if "timeout" in options:
            timeout = check_timeout(options["timeout"])
            if not timeout or timeout > LONGEST_TIMEOUT:
                raise InvalidArgumentError(
                    f"timeout is {shown(options['timeout'])}; give the seconds a call may take, above zero "
                    f"and at most {LONGEST_TIMEOUT:,.0f}"
                )
            options["timeout"] = timeout
        return options

    def _keep_reach(self) -> None:
        """Have ``_reach`` be called, unless it was with the options as they are; ``_prepare`` begins with it.

        So connections, and a token that was issued, are kept by an ``init`` that changes something else.
        """
        now = [self._options[name] for name in self.REACHED_BY]
        if self._reached_with != now:
            before, self._reached = self._reached, self._reach()
            self._reached_with = now
            if before is not None:
                before.close()

    @abstractmethod
    def _reach(self) -> Servers:
        """Make what asks the servers."""

    def _asking(self) -> Servers:
        """What asks the servers, which is there since the store is ready."""
        return cast(Servers, self._reached)

    def _release(self) -> None:
        if self._reached is not None:
            self._reached.close()


def required(what: str, extra: str, module: str) -> Any:
    """The ``module`` that ``what`` needs. Raises UnsupportedOptionError, naming the extra, without it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UnsupportedOptionError(
            f"{what} needs a package that is missing ({error}); install it with: "
            f"pip install 'trove-engine[{extra}]'"
        ) from error
