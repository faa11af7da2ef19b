"""A suite of bench/expect with Great Expectations over pandas.

expect_gx.py SUITE.yaml FILE.csv [RUNS]: prints the median seconds of reading and
of validating, and an `answer` line for each check as bench/expect.c does."""
import logging
import statistics
import sys
import time

import great_expectations as gx
import pandas as pd
from ruamel.yaml import YAML

logging.disable(logging.CRITICAL)


def expectation(number, entry):
    kind = next(key for key in entry if key.startswith("expect_"))
    name = "".join(part.capitalize() for part in kind.split("_"))
    return getattr(gx.expectations, name)(**entry[kind], meta={"number": number})


def main():
    suite_path, path = sys.argv[1:3]
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    definition = YAML(typ="safe").load(open(suite_path))
    start = time.perf_counter()
    frame = pd.read_csv(path)
    read = time.perf_counter() - start
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("bench").add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    )
    suite = gx.ExpectationSuite(name="bench", expectations=[
        expectation(number, entry) for number, entry in enumerate(definition["expectations"], 1)
    ])
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        result = batch.validate(suite)
        took.append(time.perf_counter() - start)
    print(f"read {read:.4f}\nevaluate {statistics.median(took):.4f}")
    for check in sorted(result.results, key=lambda r: r.expectation_config.meta["number"]):
        number = check.expectation_config.meta["number"]
        unexpected = check.result.get("unexpected_count")
        print(f"answer {number} {int(check.success) if unexpected is None else unexpected}")


main()
