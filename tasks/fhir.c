/* fhir - FHIR resources into tables: every file that is new or changed, through the
 * ViewDefinitions of a folder, into an SQLite database. */
#include <dagrun/task.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct dr_param params[] = {
    { "files", DR_PARAM_ANY, DR_REQUIRED, NULL, NULL,
      "A folder (its *.json), a pattern such as data/fhir/*.json, or a list of these" },
    { "views", DR_PARAM_STRING, DR_REQUIRED, NULL, NULL, "Folder of ViewDefinitions; each becomes a table" },
    { "database", DR_PARAM_STRING, 0, "var/warehouse.db", NULL,
      "The SQLite file, from the home; made where absent" },
    { "scripts", DR_PARAM_LIST, 0, NULL, NULL, "SQL files to run when all is loaded: views for analysts" },
    { "rebuild", DR_PARAM_BOOL, 0, "false", NULL,
      "Drop tables that were made for other views, and load every file again" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "summary", 0, 0,
      "For each type of resource in files that were read, and for the files, (file): resources, loaded, "
      "unchanged, quarantined, superseded, removed, rows_written" },
    { "quarantine", 0, 0, "What is set aside now: file, entry, resource_type, resource_key, reason" },
    { 0 },
};

/* Paths from the home. */
struct files {
    const char **paths;
    int32_t n, cap;
};

static int32_t add_path(struct dr_task *t, struct files *f, const char *path)
{
    size_t home = strlen(dr_task_info(t)->home);
    bool inside = strncmp(path, dr_task_info(t)->home, home) == 0 && path[home] == '/';
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->paths = realloc(f->paths, (size_t)f->cap * sizeof *f->paths);
        if (!f->paths)
            return dr_task_fail(t, "out of memory");
    }
    f->paths[f->n] = strdup(inside ? path + home + 1 : path);
    return f->paths[f->n++] ? 0 : dr_task_fail(t, "out of memory");
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* path as a pattern that only it fits: names such as `bundle[1].json` are usual. */
static char *literal(char *to, const char *path)
{
    for (; *path; path++) {
        if (strchr("\\*?[", *path))
            *to++ = '\\';
        *to++ = *path;
    }
    *to = 0;
    return to;
}

static int32_t expand(struct dr_task *t, struct files *f, const char *what)
{
    char path[4096], pattern[2 * sizeof path + sizeof "/*.json"];
    bool absolute = what[0] == '/';
    const char *home = absolute ? "" : dr_task_info(t)->home;
    int n = snprintf(path, sizeof path, "%s%s%s", home, absolute ? "" : "/", what);
    if (n < 0 || (size_t)n + sizeof "/*.json" > sizeof path)
        return dr_task_fail_final(t, "files: the path is too long: %.200s", what);
    bool folder = is_folder(path), there = access(path, F_OK) == 0;
    char *end = literal(pattern, there ? path : home);
    snprintf(end, sizeof path, "%s", folder ? "/*.json" : there ? "" : path + strlen(home));
    glob_t found;
    int rc = glob(pattern, folder ? GLOB_ERR : 0, NULL, &found);
    if (rc == GLOB_NOMATCH && !folder && !strpbrk(what, "*?["))
        return dr_task_fail_final(t, "files: there is no file or folder '%s'", what);
    if (rc == GLOB_NOMATCH) {
        dr_task_log(t, DR_WARN, "files: there is nothing at %s", what);
        return 0;
    }
    if (rc)
        return dr_task_fail(t, "files: %s cannot be searched", what);
    int32_t failed = 0;
    for (size_t i = 0; i < found.gl_pathc && !failed; i++)
        failed = add_path(t, f, found.gl_pathv[i]);
    globfree(&found);
    return failed;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int32_t expand_node(struct dr_task *t, struct files *f, const struct dr_node *n)
{
    const char *what = dr_node_str(n, "");
    return what[0]
               ? expand(t, f, what)
               : dr_task_problem(t, n, "files: a folder, a file or a pattern expected, or a list of these");
}

/* Every file once, in the order of their names. */
static int32_t list_files(struct dr_task *t, struct files *f)
{
    const struct dr_node *files = dr_task_param(t, "files");
    if (dr_node_kind(files) == DR_NODE_LIST) {
        for (int64_t i = 0; i < dr_node_size(files); i++)
            DR_TRY(expand_node(t, f, dr_node_at(files, i)));
    } else {
        DR_TRY(expand_node(t, f, files));
    }
    if (f->n)
        qsort(f->paths, (size_t)f->n, sizeof *f->paths, by_path);
    int32_t kept = 0;
    for (int32_t i = 0; i < f->n; i++)
        if (!kept || strcmp(f->paths[kept - 1], f->paths[i]) != 0)
            f->paths[kept++] = f->paths[i];
    f->n = kept;
    return 0;
}

static int32_t list_scripts(struct dr_task *t, struct dr_fhir_load *load)
{
    const struct dr_node *list = dr_task_param(t, "scripts");
    int64_t n = dr_node_size(list);
    const char **scripts = calloc((size_t)n + 1, sizeof *scripts);
    if (!scripts)
        return dr_task_fail(t, "out of memory");
    for (int64_t i = 0; i < n; i++)
        scripts[i] = dr_node_str(dr_node_at(list, i), "");
    load->scripts = scripts;
    load->n_scripts = (int32_t)n;
    return 0;
}

static int32_t report(struct dr_task *t, const struct dr_fhir_load *load)
{
    dr_task_log(t, DR_INFO, "%lld files read (%lld set aside), %lld unchanged, %.1f MB",
                (long long)load->files_read, (long long)load->files_refused, (long long)load->files_unchanged,
                (double)load->bytes / 1e6);
    if (load->quarantined)
        dr_task_log(t, DR_WARN, "%lld resources are in quarantine: table fhir_quarantine says why",
                    (long long)load->quarantined);
    dr_task_metric(t, "files_read", (double)load->files_read);
    dr_task_metric(t, "files_unchanged", (double)load->files_unchanged);
    dr_task_metric(t, "files_refused", (double)load->files_refused);
    dr_task_metric(t, "resources_quarantined", (double)load->quarantined);
    dr_task_metric(t, "bytes_read", (double)load->bytes);
    if (dr_task_has_output(t, "summary"))
        DR_TRY(dr_task_write(t, "summary", load->summary));
    if (dr_task_has_output(t, "quarantine"))
        DR_TRY(dr_task_write(t, "quarantine", load->quarantine));
    return 0;
}

static int32_t fhir(struct dr_task *t)
{
    struct files files = { 0 };
    struct dr_fhir_load load = { .size = sizeof load,
                                 .rebuild = dr_node_bool(dr_task_param(t, "rebuild"), 0),
                                 .views = dr_node_str(dr_task_param(t, "views"), ""),
                                 .database = dr_node_str(dr_task_param(t, "database"), "var/warehouse.db") };
    DR_TRY(list_files(t, &files));
    DR_TRY(list_scripts(t, &load));
    load.files = files.paths;
    load.n_files = files.n;
    DR_TRY(dr_task_load_fhir(t, &load));
    return report(t, &load); /* the process ends here: nothing needs freeing */
}

DR_PLUGIN(.name = "fhir", .summary = "Loads FHIR resources into tables through ViewDefinitions",
          .doc = "Each file is one transaction. A file whose bytes have not changed is passed over; a "
                 "resource that\n"
                 "comes again replaces its rows, one that its file no longer has vanishes. What is wrong "
                 "with a file or\n"
                 "a resource is set aside in table fhir_quarantine and in the output of that name, with its "
                 "reason.\n",
          .params = params, .outputs = outputs, .run = fhir);
