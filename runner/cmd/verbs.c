/* The table of verbs. */
#include "cmd/cmd.h"

const struct dr_verb dr_verbs[] = {
    { .name = "run",
      .words = "DAG",
      .min_words = 1,
      .max_words = 1,
      .summary = "Run a DAG now and wait for its end",
      .options = "param date run-id jobs threads wait if-due plain quiet trace json",
      .details = "On a terminal that is high enough a live table shows each task; elsewhere a line for each\n"
                 "change.\n"
                 "Exit code: 0 success, 1 a task failed, 3 the DAG is wrong, 5 it is running already,\n"
                 "130 cancelled (Ctrl-C: tasks are stopped and the state is kept; a second one kills).\n",
      .example = "dagrun run healthcare_processing\n"
                 "dagrun run healthcare_processing --param vitals=data/vitals_2024.csv\n"
                 "dagrun run healthcare_processing --date 2024-03-01 --json\n",
      .needs_home = true,
      .run = dr_verb_run },
    { .name = "retry",
      .words = "[DAG] [RUN_ID]",
      .max_words = 2,
      .summary = "Go on with a run that failed or was interrupted",
      .options = "jobs threads wait plain quiet trace json task",
      .details = "Tasks that succeeded keep their outputs and are not run again, unless --task names one:\n"
                 "then it and all that depends on it run again.\n",
      .example = "dagrun retry healthcare_processing\n"
                 "dagrun retry healthcare_processing manual__2024-03-01T02-30-00Z --task transform_vitals\n",
      .needs_home = true,
      .run = dr_verb_retry },
    { .name = "cancel",
      .words = "[DAG] [RUN_ID]",
      .max_words = 2,
      .summary = "Stop a run that is going on",
      .options = "",
      .example = "dagrun cancel healthcare_processing\n",
      .needs_home = true,
      .run = dr_verb_cancel },
    { .name = "check",
      .words = "[DAG]...",
      .max_words = 16,
      .summary = "Check definitions: DAGs, suites, plugins; everything that is wrong, with its place",
      .options = "json",
      .details =
          "Without a DAG, checks every DAG and every suite of the home. Exit code 3 where one is wrong.\n",
      .example = "dagrun check\ndagrun check healthcare_processing --json\n",
      .needs_home = true,
      .run = dr_verb_check },
    { .name = "list",
      .words = "",
      .max_words = 0,
      .summary = "List the DAGs of the home with their schedules and last runs",
      .options = "json",
      .example = "dagrun list\n",
      .needs_home = true,
      .run = dr_verb_list },
    { .name = "show",
      .words = "DAG",
      .min_words = 1,
      .max_words = 1,
      .summary = "Show a DAG: parameters, tasks, datasets, dependencies",
      .options = "json",
      .example = "dagrun show healthcare_processing\n",
      .needs_home = true,
      .run = dr_verb_show },
    { .name = "graph",
      .words = "DAG",
      .min_words = 1,
      .max_words = 1,
      .summary = "Print a DAG's graph as text or in Graphviz's language",
      .options = "format",
      .details = "--format text (default) or dot.\n",
      .example =
          "dagrun graph healthcare_processing\ndagrun graph healthcare_processing --format dot | dot -Tsvg\n",
      .needs_home = true,
      .run = dr_verb_graph },
    { .name = "init",
      .words = "[FOLDER]",
      .max_words = 1,
      .summary = "Make a new dagrun home with an example that runs",
      .options = "force",
      .example = "dagrun init my_pipelines\n",
      .run = dr_verb_init },
    { .name = "runs",
      .words = "[DAG]",
      .max_words = 1,
      .summary = "List runs, newest first",
      .options = "dag state limit json",
      .example = "dagrun runs healthcare_processing --state failed\n",
      .needs_home = true,
      .run = dr_verb_runs },
    { .name = "status",
      .words = "[DAG] [RUN_ID]",
      .max_words = 2,
      .summary = "Show one run: its tasks, why each waits or failed, failed checks",
      .options = "json full",
      .details =
          "Without words, the newest run. RUN_ID may be its beginning. Exit code 1 where the run failed.\n",
      .example = "dagrun status\ndagrun status healthcare_processing manual__2024-03-01\n",
      .needs_home = true,
      .run = dr_verb_status },
    { .name = "logs",
      .words = "TASK [DAG] [RUN_ID]",
      .min_words = 1,
      .max_words = 3,
      .summary = "Print the log of a task's attempt",
      .options = "attempt follow",
      .example = "dagrun logs validate_vitals\ndagrun logs validate_vitals healthcare_processing --follow\n",
      .needs_home = true,
      .run = dr_verb_logs },
    { .name = "tasks",
      .words = "[PLUGIN]",
      .max_words = 1,
      .summary = "List the installed task plugins, or document one",
      .options = "json",
      .example = "dagrun tasks\ndagrun tasks validate\n",
      .needs_home = true,
      .run = dr_verb_tasks },
    { .name = "expect",
      .words = "[SUITE FILE...]",
      .max_words = 16,
      .summary = "Check any CSV, JSON or Arrow file against a suite, without a DAG",
      .options =
          "format json result-format row-key encoding delimiter as strict threads memory output list explain "
          "limit other baseline query-timeout",
      .details =
          "SUITE is the name of a suite of the home, or the path of a YAML file.\n"
          "Exit code 1 where a check of severity warning or critical failed or could not be evaluated.\n",
      .example = "dagrun expect vitals data/vitals_2024.csv\n"
                 "dagrun expect checks.yaml data.csv --format junit -o results.xml\n"
                 "dagrun expect vitals today.csv --other hospitals=data/hospitals.csv --baseline "
                 "yesterday.json\n"
                 "dagrun expect vitals huge.csv.gz --memory 300MB\n"
                 "dagrun expect --explain expect_column_values_to_be_between\n",
      .run = dr_verb_expect },
    { .name = "view",
      .words = "check|run FILE...",
      .min_words = 2,
      .max_words = 1024,
      .summary = "Check SQL-on-FHIR ViewDefinitions, or run one over files of FHIR resources",
      .options = "format json limit output",
      .details =
          "view check FILE...       files or folders; a folder is checked as the tables that it makes\n"
          "view run VIEW FILE...    the rows of one view from bundles or single resources\n"
          "--format csv (default) or json, a line for each row; --json is the same as --format json.\n"
          "Exit code: 3 where a view is wrong, 1 where a file or a resource is.\n",
      .example = "dagrun view check dags/fhir_ingest/views\n"
                 "dagrun view run dags/fhir_ingest/views/patient.yaml data/fhir/*.json\n",
      .run = dr_verb_view },
    { .name = "profile",
      .words = "FILE",
      .min_words = 1,
      .max_words = 1,
      .summary = "Show what the columns of a file hold, or propose a suite",
      .options = "suite json encoding delimiter as strict threads output",
      .details =
          "The proposed suite passes on the file, and fails where a later one is damaged: columns, gaps,\n"
          "types, ranges, sets of values, shapes of codes. It is a start: what you know better, change.\n",
      .example = "dagrun profile data/vitals_2024.csv\n"
                 "dagrun profile data/vitals_2024.csv --suite -o expectations/vitals.yaml\n",
      .run = dr_verb_profile },
    { .name = "report",
      .words = "[DAG] [RUN_ID]",
      .max_words = 2,
      .summary = "Write a run's HTML report again and say where it is",
      .options = "reconcile",
      .example = "dagrun report healthcare_processing\n",
      .needs_home = true,
      .run = dr_verb_report },
    { .name = "crontab",
      .words = "[DAG]...",
      .max_words = 16,
      .summary = "Print crontab lines for every scheduled DAG",
      .options = "user",
      .details =
          "The lines carry absolute paths, the home and a log; a run that overlaps is refused by its lock.\n"
          "Cron keeps the machine's clock: where a DAG's time zone differs, the line asks for that zone.\n",
      .example = "dagrun crontab | crontab -\n",
      .needs_home = true,
      .run = dr_verb_crontab },
    { .name = "db",
      .words = "migrate|status|teardown [SET]...",
      .min_words = 1,
      .max_words = 16,
      .summary = "Bring a database's schema up to date, show it, or remove it",
      .options = "connection yes json",
      .details =
          "A set is a folder of migrations/ with files NNN_name.sql. Without SET, all sets; teardown wants "
          "it\n"
          "named, and --yes. Exit code 1 where status finds a migration that was changed or is missing.\n",
      .example = "dagrun db migrate\ndagrun db status --connection postgres\n"
                 "dagrun db teardown patient_cases --yes\n",
      .needs_home = true,
      .run = dr_verb_db },
    { .name = "version",
      .words = "",
      .max_words = 0,
      .summary = "Say what this program was built from",
      .options = "json",
      .example = "dagrun version\n",
      .run = dr_verb_version },
    { .name = "help",
      .words = "[VERB]",
      .max_words = 1,
      .summary = "Explain a verb",
      .options = "",
      .example = "dagrun help run\n",
      .run = dr_verb_help },
};
const int dr_n_verbs = sizeof dr_verbs / sizeof dr_verbs[0];

const struct dr_verb *dr_verb_find(const char *name)
{
    for (int i = 0; i < dr_n_verbs; i++)
        if (dr_streq(dr_verbs[i].name, name))
            return &dr_verbs[i];
    return NULL;
}

int dr_verb_help(struct dr_cmd *c)
{
    if (!c->args.n_words) {
        dr_usage(stdout);
        return DR_EXIT_OK;
    }
    const struct dr_verb *verb = dr_verb_find(c->args.words[0]);
    if (!verb)
        return dr_cmd_usage("there is no verb '%s'; dagrun --help lists them", c->args.words[0]);
    dr_options_help(verb, stdout);
    return DR_EXIT_OK;
}
