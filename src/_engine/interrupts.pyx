# cython: language_level=3
"""Interrupts: how what must come to its end does, though an interrupt (Ctrl-C) comes.

This is native code because one can come at any step of Python code: also where another one is being noted.
"""

from trove.errors import TroveError


def patiently(call, interrupts):
    """Do ``call()`` to its end; whatever interrupts it is added to ``interrupts``."""
    while True:
        try:
            return call()
        except TroveError:
            raise  # no interrupt: it would be the same the next time
        except BaseException as error:
            interrupts.append(error)
