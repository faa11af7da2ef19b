/* reference.c - docs/expectations.md, made from the registry so that it cannot
 * differ from what the engine takes. A test compares the file with this. */
#include "expect/check.h"

static const char intro[] =
    "# Expectations\n\n"
    "<!-- Made from the registry in runner/expect: UPDATE_DOCS=1 build/tests/unit/test_expect_reference "
    "-->\n\n"
    "An expectation states what good data looks like. Suites (`expectations/NAME.yaml`) list them; names, "
    "arguments,\n"
    "treatment of missing values and result fields are those of Great Expectations 1.2.\n\n"
    "```yaml\n"
    "suite: vitals\n"
    "key: [hospital_id, patient_id]                 # names rows in results\n"
    "columns:\n"
    "  patient_id: {sensitive: true}                # shown as *** everywhere\n"
    "  value: {type: float64}                       # how text is read\n"
    "  measured_on: {type: date, format: '%d.%m.%Y'}\n"
    "null_values: [NA, n/a]                         # these mean: missing\n"
    "expectations:\n"
    "  - expect_column_values_to_not_be_null: {column: patient_id}\n"
    "    severity: critical                         # info, warning (default), critical\n"
    "  - expect_column_values_to_be_between: {column: value, min_value: 20, max_value: 250, mostly: 0.99}\n"
    "    row_condition: vital_type == \"heart_rate\"\n"
    "    on_failure: quarantine                     # record (default), quarantine, fail\n"
    "    description: A heart rate is 20 to 250 bpm\n"
    "```\n\n"
    "## Rules that hold for all\n\n"
    "- **Missing values** (an empty field, NaN, or one of `null_values`) are left out, except where an "
    "expectation is\n"
    "  about them. Where nothing is left to check, a row-level expectation succeeds and a measure fails.\n"
    "- **Declared types.** A column of a CSV file is text until the suite declares its type. Then checks see "
    "typed\n"
    "  values; a text that does not spell the type is unexpected in every check of values, listed as it is\n"
    "  written, and left out of measures, which say so in `details.unreadable_count`. Patterns, lengths, "
    "formats and\n"
    "  uniqueness look at the text itself.\n"
    "- **mostly** is the share of values that must be as expected: (counted - unexpected) / counted >= "
    "mostly.\n"
    "- **Quarantine** takes every row that breaks the rule, also where `mostly` is met: a row that breaks a "
    "rule must\n"
    "  not enter the clean table. The quarantined rows carry all their reasons.\n"
    "- **What cannot be evaluated** (a missing column, numbers compared with text, a wrong argument) is a "
    "result of\n"
    "  its own with the reason, never a pass.\n"
    "- **result_format**: `BOOLEAN_ONLY` gives success alone; `BASIC` counts and up to 20 values; `SUMMARY` "
    "(default)\n"
    "  also the most common unexpected values and rows; `COMPLETE` every one of them.\n"
    "- **Evaluation parameters**: `{\"$PARAMETER\": \"name\"}`, or an expression such as\n"
    "  `now() - timedelta(days=7)`, stands for any argument. `now()` is UTC.\n\n"
    "## row_condition\n\n"
    "One language reads both of Great Expectations' (`condition_parser: pandas` and "
    "`great_expectations`).\n\n"
    "    vital_type == \"heart_rate\" and value > 20       and or not, also & | ~\n"
    "    unit in [\"bpm\", \"/min\"]                         == != < <= > >=, chained: 0 < value <= 5\n"
    "    col(\"value\").notNull() & col(\"unit\") == \"bpm\"    isnull() isna() notnull() notna() isin([..]) "
    "between(a, b)\n"
    "    name.str.contains(\"^A\") or `my column` is null   .str.match .fullmatch .startswith .endswith "
    ".len() "
    ".lower() .upper() .strip()\n"
    "    systolic - diastolic > 20                        + - * / // % ** .abs() on numbers; "
    "date(\"2024-01-31\")\n"
    "    index >= 10                                      the row's number from 0, where no column has the "
    "name\n\n"
    "`&` binds as `and` does, as in pandas' `query`. A comparison with a missing value is false and `!=` is "
    "true; with\n"
    "`col(\"unit\") != \"bpm\"` rows without a unit are left out, as SQL does, for which that syntax was "
    "made. Text never\n"
    "equals a number: a column of numbers has no row where `n == \"3\"`. A column of text that is compared "
    "with a number is an\n"
    "error, since it was most likely never given its type (`columns: {id: {type: int64}}`), and a check of "
    "no rows would pass.\n"
    "Which of a text and a number is larger is an error, too.\n\n";
static const char beyond[] =
    "## Beyond Great Expectations\n\n"
    "- **Two severities in one expectation**: `warning: 0.01` and `critical: 5 %` beside an expectation "
    "about rows "
    "say how\n"
    "  much may be unexpected, as a share or (`20`) a number of rows; see "
    "[suites.md](suites.md#thresholds).\n"
    "- **Other tables** (`other_table_name`, `{name}` in a query): in a DAG the inputs of the task, by the "
    "name "
    "of the\n"
    "  dataset or of the file without its ending (`validate` has the input `others` for them); for `dagrun "
    "expect`\n"
    "  `--other NAME=FILE`. Their columns are text where the file says no more, and numbers where that is "
    "needed.\n"
    "- **Earlier runs** (row counts, schema, PSI, Kolmogorov-Smirnov): what the same expectation found in "
    "the "
    "last run\n"
    "  of the task over the same dataset (`with: {dataset: visits}` where the file name changes) that had "
    "no\n"
    "  critical failure; for `dagrun expect` `--baseline FILE`, the JSON that it "
    "wrote "
    "before.\n"
    "- **Completeness under a condition** is `expect_column_values_to_not_be_null` with a `row_condition`.\n"
    "\n";
static const char differences[] =
    "## Where this differs from Great Expectations 1.2 on purpose\n\n"
    "- Row counts obey `row_condition` (there it is ignored).\n"
    "- The mean, sum, median or deviation of text is an error on every source (on SQL there it may be 0).\n"
    "- Pairs of columns are compared row by row whatever rows are missing before (there pairs after a "
    "missing row\n"
    "  may shift).\n"
    "- A text that is not JSON is unexpected for a JSON schema (there one such text stops the whole check).\n"
    "- `partial_unexpected_counts` counts all unexpected rows (up to 100,000), not only the first 20.\n"
    "- A regular expression that needs too many steps is an error; there it may not end.\n"
    "- `expect_column_distinct_values_to_be_in_set` with an empty set allows no value (there it allows "
    "all).\n"
    "- `strict_min` and `strict_max` count wherever they are accepted (there some expectations pass them "
    "over).\n"
    "- Dates and times have a mean, z-scores and an order, and sets of them are compared as such.\n"
    "- A column of numbers and texts keeps the number 1 apart from the text \"1\" in sets of distinct "
    "values.\n"
    "- A number with a fraction is no whole number (there 2.5 becomes 2).\n"
    "- `condition_parser` may be left out (there a `row_condition` without it is an error).\n"
    "- `exact_match` of `expect_table_columns_to_match_set` is true where nothing else is said, as Great "
    "Expectations'\n"
    "  documentation has it (its code takes it for false).\n"
    "- `string`, `text` and the names of SQL types are names of one type each, whatever the table comes from "
    "(there\n"
    "  pandas knows no `string`, and on SQL a `VARCHAR` is no `TEXT`).\n"
    "- A weight below 0 in a `partition_object` is an error (there the divergence is null).\n"
    "\n";

static void put_argument(struct dr_buf *out, const struct dr_expect_arg *a)
{
    bool choice = strncmp(a->type, "choice ", strlen("choice ")) == 0;
    const char *type = choice ? a->type + strlen("choice ") : a->type;
    (void)dr_buf_printf(out, "- `%s` (", a->name);
    for (; *type; type++)
        (void)dr_buf_puts(out, *type == '|' ? " or " : (char[]){ *type, 0 });
    (void)dr_buf_puts(out, a->required ? ", required" : "");
    if (a->fallback)
        (void)dr_buf_printf(out, ", default %s", a->fallback);
    (void)dr_buf_printf(out, "): %s\n", a->doc);
}

/* Arguments of every type, told once. */
static bool is_shared(const char *name)
{
    static const char *const shared[] = { "row_condition", "condition_parser", "result_format",
                                          "catch_exceptions", "mostly" };
    for (size_t k = 0; k < sizeof shared / sizeof shared[0]; k++)
        if (dr_streq(name, shared[k]))
            return true;
    return false;
}

static void put_section(struct dr_buf *out, const struct dr_expect_info *info)
{
    bool mostly = false;
    (void)dr_buf_printf(out, "### %s\n\n%s%s%s\n\n", info->name, info->summary, info->doc ? " " : "",
                        info->doc ? info->doc : "");
    for (int32_t k = 0; k < info->n_args; k++) {
        mostly |= dr_streq(info->args[k].name, "mostly");
        if (!is_shared(info->args[k].name))
            put_argument(out, &info->args[k]);
    }
    (void)dr_buf_printf(out, "%s\n```yaml\n- %s\n```\n\n", mostly ? "- `mostly`\n" : "", info->example);
}

void dr_expect_put_reference(struct dr_buf *out)
{
    static const struct {
        const char *domain, *title;
    } domains[] = { { "table", "Tables" },
                    { "column_map", "Values of a column" },
                    { "column_aggregate", "Measures of a column" },
                    { "column_pair", "Pairs of columns" },
                    { "multicolumn", "Several columns" },
                    { "query", "Queries" } };
    int32_t n;
    const struct dr_expect_info *infos = dr_expect_infos(&n);
    (void)dr_buf_puts(out, intro);
    (void)dr_buf_puts(out, beyond);
    (void)dr_buf_puts(out, differences);
    (void)dr_buf_puts(
        out,
        "All take `row_condition`, `condition_parser`, `result_format` and `catch_exceptions` where rows "
        "are concerned.\n\n");
    for (size_t d = 0; d < sizeof domains / sizeof domains[0]; d++) {
        (void)dr_buf_printf(out, "## %s\n\n", domains[d].title);
        for (int32_t k = 0; k < n; k++)
            if (dr_streq(infos[k].domain, domains[d].domain))
                put_section(out, &infos[k]);
    }
}
