"""The storage engine: a log that is the truth, and an LMDB index that is derived from it.

``docs/engine.md`` describes the format, the commit protocol and why a crash can't lose what was
acknowledged. Each module answers one question:

- ``codec``: what stands in which byte of a record, a row and the STORE file;
- ``chunker``: where an object is cut;
- ``pack``: how records are appended, found again and read;
- ``index``: how rows are kept in LMDB, checked and enlarged;
- ``commit``: what a change does to the index, live and in a rebuild alike;
- ``state``: what processes tell each other, and the next one after a crash;
- ``recovery``: how an index is made trustworthy again;
- ``reader``: how an object's bytes are read and verified;
- ``engine``: the calls of the driver.
"""
