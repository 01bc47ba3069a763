"""The storage engine: a log that is the truth, and an LMDB index that is derived from it.

``docs/engine.md`` describes the format, the commit protocol and why a crash can't lose what was
acknowledged; ``docs/architecture.md`` says which question each module answers.
"""
