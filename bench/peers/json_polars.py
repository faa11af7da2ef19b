"""JSON lines into a Polars frame: POLARS_MAX_THREADS=N json_polars.py FILE"""
import sys

import polars

t = polars.read_ndjson(sys.argv[1])
print("%d rows, %d values" % (t.height, t["value"].count()))
