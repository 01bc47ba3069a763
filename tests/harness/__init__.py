"""What tests do to the engine from outside: calls that fail, processes that die, files that are damaged,
and a reader of the index that shares no code with it."""
