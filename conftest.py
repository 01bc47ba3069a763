"""What holds for the tests and for the benchmarks."""

import signal

# Started in the background by a shell, a run ignores interrupts, and so would every process that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
