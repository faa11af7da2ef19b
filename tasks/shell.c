/* shell.c - run a command in the shell.
 *
 * The command runs in the attempt's process group with its output in the
 * attempt's log. vfork rather than fork: the worker may have libraries and tables
 * mapped, and none of it needs copying for an exec. */
#include <dagrun/task.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct dr_param params[] = {
    { .name = "command", .type = DR_PARAM_STRING, .flags = DR_REQUIRED, .doc = "What /bin/sh -c is to run." },
    { .name = "env", .type = DR_PARAM_MAP, .doc = "Environment variables to add: name to text." },
    { .name = "cwd",
      .type = DR_PARAM_STRING,
      .doc = "The folder to run in, from the home; the home by default." },
    { 0 },
};
static const struct dr_port inputs[] = {
    { .name = "files", .flags = DR_MANY, .doc = "Given to the command as DAGRUN_INPUT_NAME." },
    { 0 },
};
static const struct dr_port outputs[] = {
    { .name = "files",
      .flags = DR_MANY,
      .doc = "Files that the command writes: their paths are DAGRUN_OUTPUT_NAME." },
    { 0 },
};

static const char doc[] =
    "The command succeeds when it ends with exit code 0. Its output goes to the task's log.\n"
    "\n"
    "It finds in its environment: DAGRUN_HOME, DAGRUN_DAG_ID, DAGRUN_RUN_ID, DAGRUN_TASK_ID,\n"
    "DAGRUN_ATTEMPT, DAGRUN_LOGICAL_DATE, DAGRUN_DATA_INTERVAL_START, DAGRUN_DATA_INTERVAL_END,\n"
    "DAGRUN_WORK_DIR (scratch space), and for each input and output DAGRUN_INPUT_NAME and\n"
    "DAGRUN_OUTPUT_NAME with the path of the file. NAME is the dataset's name, or the file's name\n"
    "without folder, in capitals, with _ for all that is not a letter or digit.\n"
    "\n"
    "Exit code 99 skips the task; 98 fails it without retries. A task that is stopped sends SIGTERM\n"
    "to the command and all that it started; what is left five seconds later is killed.\n"
    "\n"
    "    export_report:\n"
    "      plugin: shell\n"
    "      inputs: {files: [vitals_clean]}\n"
    "      outputs: {files: [summary.csv]}\n"
    "      with: {command: 'scripts/summary.sh \"$DAGRUN_INPUT_VITALS_CLEAN\" > "
    "\"$DAGRUN_OUTPUT_SUMMARY_CSV\"'}\n";

enum { EXIT_SKIP = 99, EXIT_FINAL = 98, NAME_MAX_BYTES = 300 };

/* PREFIX + the last part of a path, as the name of a variable. */
static void variable_of(const char *prefix, const char *name, char ret[NAME_MAX_BYTES])
{
    const char *slash = strrchr(name, '/');
    snprintf(ret, NAME_MAX_BYTES, "%s%s", prefix, slash ? slash + 1 : name);
    for (char *p = ret; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
}

static void set_file(const char *prefix, const char *name, const char *path)
{
    char variable[NAME_MAX_BYTES];
    variable_of(prefix, name, variable);
    setenv(variable, path, 1);
}

/* Two files of one variable: the command would see only one of them. Gives the last code that was not 0. */
static int32_t check_names(struct dr_task *t, const char *prefix, int32_t n,
                           const char *(*name_of)(const struct dr_task *, const char *, int32_t))
{
    char(*variables)[NAME_MAX_BYTES] = calloc((size_t)n + 1, sizeof *variables);
    int32_t rc = 0;
    for (int32_t i = 0; variables && i < n; i++) {
        const char *name = name_of(t, "files", i);
        variable_of(prefix, name, variables[i]);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(variables[i], variables[k]) == 0 && strcmp(name, name_of(t, "files", k)) != 0) {
                rc = dr_task_problem(t, NULL, "files: '%s' and '%s' would both be the variable %s",
                                     name_of(t, "files", k), name, variables[i]);
                break;
            }
    }
    free(variables);
    return rc;
}

static int32_t check(struct dr_task *t)
{
    const struct dr_node *env = dr_task_param(t, "env");
    for (int64_t i = 0; i < dr_node_size(env); i++)
        if (!dr_node_key(env, i)[0] || strchr(dr_node_key(env, i), '='))
            return dr_task_problem(t, dr_node_at(env, i), "env: '%s' cannot be the name of a variable",
                                   dr_node_key(env, i));
    int32_t in = check_names(t, "DAGRUN_INPUT_", dr_task_input_count(t, "files"), dr_task_input_name);
    int32_t out = check_names(t, "DAGRUN_OUTPUT_", dr_task_output_count(t, "files"), dr_task_output_name);
    return in ? in : out;
}

static int32_t set_files(struct dr_task *t)
{
    for (int32_t i = 0; i < dr_task_input_count(t, "files"); i++)
        set_file("DAGRUN_INPUT_", dr_task_input_name(t, "files", i), dr_task_input_path(t, "files", i));
    for (int32_t i = 0; i < dr_task_output_count(t, "files"); i++) {
        const char *name = dr_task_output_name(t, "files", i);
        const char *path = dr_task_output_path(t, name);
        if (!path)
            return dr_task_err(t)->rc;
        set_file("DAGRUN_OUTPUT_", name, path);
    }
    return 0;
}

static void set_run(const struct dr_task_info *info)
{
    char attempt[16];
    snprintf(attempt, sizeof(attempt), "%d", (int)info->attempt);
    setenv("DAGRUN_HOME", info->home, 1);
    setenv("DAGRUN_DAG_ID", info->dag_id, 1);
    setenv("DAGRUN_RUN_ID", info->run_id, 1);
    setenv("DAGRUN_TASK_ID", info->task_id, 1);
    setenv("DAGRUN_ATTEMPT", attempt, 1);
    setenv("DAGRUN_LOGICAL_DATE", info->logical_date, 1);
    setenv("DAGRUN_DATA_INTERVAL_START", info->data_interval_start, 1);
    setenv("DAGRUN_DATA_INTERVAL_END", info->data_interval_end, 1);
    setenv("DAGRUN_WORK_DIR", info->work_dir, 1);
}

static int32_t set_given(struct dr_task *t)
{
    const struct dr_node *env = dr_task_param(t, "env");
    for (int64_t i = 0; i < dr_node_size(env); i++) {
        const char *value = dr_node_str(dr_node_at(env, i), NULL);
        if (!value)
            return dr_task_fail_final(t, "env: '%s' must be a text", dr_node_key(env, i));
        setenv(dr_node_key(env, i), value, 1);
    }
    return 0;
}

/* The shell, which dies with this process; its pid, or -1. Between vfork and
 * exec the child only makes system calls. */
static pid_t start(const char *command)
{
    static const char shell[] = "/bin/sh";
    fflush(NULL);
    pid_t pid = vfork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(shell, "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static int32_t judge(struct dr_task *t, int status)
{
    if (WIFSIGNALED(status))
        return dr_task_fail(t, "the command was killed by signal %d (%s)", WTERMSIG(status),
                            strsignal(WTERMSIG(status)));
    int code = WEXITSTATUS(status);
    dr_task_metric(t, "exit_code", code);
    if (code == EXIT_SKIP)
        return dr_task_skip(t, "the command ended with exit code %d", code);
    if (code == EXIT_FINAL)
        return dr_task_fail_final(t, "the command ended with exit code %d", code);
    return code == 0 ? 0 : dr_task_fail(t, "the command ended with exit code %d", code);
}

static int32_t shell(struct dr_task *t)
{
    const char *cwd = dr_node_str(dr_task_param(t, "cwd"), NULL);
    DR_TRY(check(t));
    if (cwd && chdir(cwd) != 0)
        return dr_task_fail(t, "cwd: cannot enter '%s': %s", cwd, strerror(errno));
    set_run(dr_task_info(t));
    DR_TRY(set_files(t));
    DR_TRY(set_given(t));
    /* From here on SIGTERM, which the command gets too, does not end this process: the
     * command has the whole grace period to clean up. */
    (void)dr_task_cancelled(t);
    pid_t pid = start(dr_node_str(dr_task_param(t, "command"), ""));
    if (pid < 0)
        return dr_task_fail(t, "cannot start a shell: %s", strerror(errno));
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return dr_task_fail(t, "cannot wait for the shell: %s", strerror(errno));
    return judge(t, status);
}

DR_PLUGIN(.name = "shell", .summary = "Runs a command in the shell", .doc = doc, .params = params,
          .inputs = inputs, .outputs = outputs, .run = shell, .check = check);
