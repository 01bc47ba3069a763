"""Many handles, and long runs: nothing that a process takes grows."""
