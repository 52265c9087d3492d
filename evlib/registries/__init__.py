"""One module per source format; each has ``read(path, ...) -> (records, rejects)``."""
