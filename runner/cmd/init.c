/* dagrun init: a new home whose example runs and passes as it is. */
#include "cmd/cmd.h"
#include <unistd.h>

#include "base/file.h"

struct file {
    const char *path, *text;
};

static const struct file files[] = {
    { "dags/example.yaml", "# A first pipeline: check a file, count by group, write the report.\n"
                           "# Run it with: dagrun run example\n"
                           "dag_id: example\n"
                           "description: Checks data/visits.csv and counts visits per clinic\n"
                           "schedule: \"0 6 * * *\"\n"
                           "timezone: UTC\n"
                           "params:\n"
                           "  visits: {type: path, default: data/visits.csv}\n"
                           "tasks:\n"
                           "  validate:\n"
                           "    plugin: validate\n"
                           "    inputs: {table: \"${params.visits}\"}\n"
                           "    with: {suite: visits, dataset: visits}\n"
                           "    outputs: {valid: visits_valid, quarantined: visits_quarantined}\n"
                           "  per_clinic:\n"
                           "    plugin: sql\n"
                           "    inputs: {tables: [visits_valid]}\n"
                           "    with:\n"
                           "      query: >\n"
                           "        SELECT clinic, count(*) AS visits, avg(minutes) AS mean_minutes\n"
                           "        FROM visits_valid GROUP BY clinic ORDER BY clinic\n"
                           "    outputs: {result: visits_per_clinic}\n"
                           "  load:\n"
                           "    plugin: load\n"
                           "    inputs: {tables: [visits_valid, visits_per_clinic]}\n"
                           "  quality_report:\n"
                           "    plugin: quality_report\n"
                           "    depends_on: [load]\n"
                           "    trigger_rule: all_done\n" },
    { "expectations/visits.yaml",
      "# What good visits look like. `dagrun expect --list` names every expectation.\n"
      "suite: visits\n"
      "key: [visit_id]\n"
      "expectations:\n"
      "  - expect_column_values_to_be_unique: {column: visit_id}\n"
      "    severity: critical\n"
      "  - expect_column_values_to_not_be_null: {column: clinic}\n"
      "    severity: critical\n"
      "    on_failure: quarantine\n"
      "  - expect_column_values_to_match_strftime_format: {column: date, strftime_format: \"%Y-%m-%d\"}\n"
      "  - expect_column_values_to_match_regex: {column: minutes, regex: '^\\d+$'}\n"
      "    description: Minutes are whole numbers\n" },
    { "data/visits.csv", "visit_id,clinic,date,minutes\n"
                         "1,north,2024-03-01,20\n"
                         "2,north,2024-03-01,35\n"
                         "3,south,2024-03-02,15\n"
                         "4,south,2024-03-04,25\n" },
    { "tasks/README.md",
      "# Task plugins of this home\n\n"
      "One C file each; `dagrun tasks` lists what is installed. Build with\n\n"
      "    mkdir -p build/tasks\n"
      "    cc -shared -fPIC -I/usr/local/include tasks/my_task.c -o build/tasks/my_task.so\n" },
    { ".gitignore", "/build/\n/var/\n/reports/\n" },
};

static int32_t make(struct dr_cmd *c, const char *folder, struct dr_err *err)
{
    static const char *const folders[] = { "dags", "expectations", "tasks", "data", "reports", "var" };
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        DR_TRY(dr_mkdirs(dr_path_join(&c->arena, folder, folders[i]), err));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        DR_TRY(dr_write_file(dr_path_join(&c->arena, folder, files[i].path), dr_str_of(files[i].text), err));
    return DR_OK;
}

/* The first of our files that is there already, or NULL. */
static const char *in_the_way(struct dr_cmd *c, const char *folder)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (dr_path_exists(dr_path_join(&c->arena, folder, files[i].path)))
            return files[i].path;
    return NULL;
}

int dr_verb_init(struct dr_cmd *c)
{
    const char *folder = c->args.n_words ? c->args.words[0] : ".";
    const char *there = in_the_way(c, folder);
    struct dr_err err = { 0 };
    if (there && !c->args.force) {
        dr_fail(&err, DR_EBUSY, "'%s/%s' is there already; nothing was changed (--force writes over it)",
                folder, there);
        return dr_cmd_fail(&err);
    }
    if (make(c, folder, &err))
        return dr_cmd_fail(&err);
    printf("made a dagrun home in %s\n\n  cd %s\n  dagrun check\n  dagrun run example\n", folder, folder);
    return DR_EXIT_OK;
}
