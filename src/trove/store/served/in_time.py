"""made_in_time: what is waited for no longer than that, though what makes it knows no limit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

NO_ANSWER = "no answer in time"


def made_in_time(make: Callable[[], T], drop: Callable[[T], object], seconds: float) -> T:
    """What ``make`` returns, or raises. When it takes longer than ``seconds`` it is left alone, and what it
    returns afterwards is given to ``drop``.

    It runs in a thread of its own: the lookup of a name, for one, can't be interrupted. Raises TimeoutError.
    """
    making: Future[T] = Future()
    Thread(target=_make, args=(make, drop, making), daemon=True).start()
    try:
        making.exception(max(0, seconds))
        return making.result()
    except TimeoutError:
        if making.cancel():
            raise TimeoutError(NO_ANSWER) from None
        return making.result()  # it came just now, or is the error of `make` itself
    except BaseException:
        if not making.cancel() and making.exception() is None:
            drop(making.result())
        raise
    finally:
        del making  # it has the error, and the error this frame


def _make(make: Callable[[], T], drop: Callable[[T], object], making: Future[T]) -> None:
    try:
        made = make()
    except BaseException as error:
        if making.set_running_or_notify_cancel():
            making.set_exception(error)
    else:
        if making.set_running_or_notify_cancel():
            making.set_result(made)
        else:
            drop(made)
    finally:
        del making
