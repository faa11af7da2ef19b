/* export - datasets as files for people and other programs, all of them or none.
 *
 * The files are written into a new folder FOLDER/DAG/RUN_ID.ATTEMPT, and then the link
 * FOLDER/DAG/latest is swung to it by a rename. A reader who follows `latest` sees
 * either the old files or the new ones; a run that fails leaves it where it was. */
#include <dagrun/task.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct dr_param params[] = {
    { "folder", DR_PARAM_STRING, 0, "var/published", NULL, "Where the DAG's folder is made, from the home" },
    { "formats", DR_PARAM_LIST, 0, "[csv, arrow]", NULL,
      "csv, arrow, arrows (an Arrow stream), jsonl (JSON lines)" },
    { "keep", DR_PARAM_INT, 0, "3", NULL, "How many exports to keep; older ones are removed" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "tables", DR_REQUIRED | DR_MANY, 0,
      "Datasets or files; each becomes a file of its name in each format" },
    { 0 },
};

#define PATH_SIZE 4096
#define NAME_SIZE 256 /* more than a file's name may have */

struct place {
    char dag[PATH_SIZE];    /* FOLDER/DAG */
    char name[512];         /* RUN_ID.ATTEMPT */
    char folder[PATH_SIZE]; /* FOLDER/DAG/RUN_ID.ATTEMPT */
};

static int32_t join(struct dr_task *t, char to[PATH_SIZE], const char *folder, const char *name)
{
    if (snprintf(to, PATH_SIZE, "%s/%s", folder, name) >= PATH_SIZE)
        return dr_task_fail_final(t, "the path '%s/%s' is too long", folder, name);
    return 0;
}

static int32_t make_folders(struct dr_task *t, const char *path)
{
    char part[PATH_SIZE];
    for (size_t i = 1; path[i]; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) && errno != EEXIST)
            return dr_task_fail(t, "cannot make folder '%s': %s", part, strerror(errno));
    }
    return 0;
}

/* The place in which this task said that it exports to a folder: an attempt that was killed may not have
 * been recorded, and the next one then has its number. */
static int32_t open_claim(struct dr_task *t, int flags, int *ret)
{
    const char *state = dr_task_state_dir(t);
    char path[PATH_SIZE];
    if (!state)
        return dr_task_err(t)->rc;
    DR_TRY(join(t, path, state, "folder"));
    *ret = open(path, flags | O_CLOEXEC, 0666);
    return 0;
}

static int32_t has_claimed(struct dr_task *t, const char *folder, int *ret)
{
    char claimed[PATH_SIZE];
    int fd;
    DR_TRY(open_claim(t, O_RDONLY, &fd));
    ssize_t n = fd < 0 ? -1 : read(fd, claimed, sizeof claimed);
    *ret = n == (ssize_t)strlen(folder) && memcmp(claimed, folder, (size_t)n) == 0;
    if (fd >= 0)
        close(fd);
    return 0;
}

static int32_t claim(struct dr_task *t, const char *folder)
{
    int fd;
    size_t n = strlen(folder);
    DR_TRY(open_claim(t, O_WRONLY | O_CREAT | O_TRUNC, &fd));
    int done = fd >= 0 && write(fd, folder, n) == (ssize_t)n;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return done ? 0 : dr_task_fail(t, "cannot note the folder '%s': %s", folder, strerror(why));
}

/* It must be new, or made by this task before it was killed: two tasks in one folder would take each other's
 * files away. */
static int32_t make_place(struct dr_task *t, const char *folder)
{
    int mine = 0;
    DR_TRY(make_folders(t, folder));
    DR_TRY(has_claimed(t, folder, &mine));
    if (!mine)
        DR_TRY(claim(t, folder));
    if (mkdir(folder, 0777) == 0 || (errno == EEXIST && mine))
        return 0;
    int why = errno;
    DR_TRY(claim(t, "")); /* it is not this task's */
    return why == EEXIST
               ? dr_task_fail_final(
                     t, "another export of this run has written '%s': give each a 'folder' of its own",
                     folder)
               : dr_task_fail(t, "cannot make folder '%s': %s", folder, strerror(why));
}

static int32_t find_place(struct dr_task *t, struct place *p)
{
    const struct dr_task_info *info = dr_task_info(t);
    const char *folder = dr_node_str(dr_task_param(t, "folder"), "var/published");
    char root[PATH_SIZE];
    if (folder[0] == '/')
        snprintf(root, sizeof root, "%s", folder);
    else
        DR_TRY(join(t, root, info->home, folder));
    DR_TRY(join(t, p->dag, root, info->dag_id));
    snprintf(p->name, sizeof p->name, "%s.%d", info->run_id, info->attempt);
    DR_TRY(join(t, p->folder, p->dag, p->name));
    return make_place(t, p->folder);
}

/* The name of an input's files: a dataset's, or that of a file without its folder and ending. */
static void file_name(const char *input, char ret[NAME_SIZE])
{
    const char *base = strrchr(input, '/');
    snprintf(ret, NAME_SIZE, "%s", base ? base + 1 : input);
    char *packed = strrchr(ret, '.');
    if (packed && packed > ret && (strcmp(packed, ".gz") == 0 || strcmp(packed, ".zst") == 0))
        *packed = 0;
    char *ending = strrchr(ret, '.');
    if (ending && ending > ret)
        *ending = 0;
}

static int is_format(const char *name)
{
    return strcmp(name, "csv") == 0 || strcmp(name, "arrow") == 0 || strcmp(name, "arrows") == 0 ||
           strcmp(name, "jsonl") == 0;
}

/* Gives the last code that was not 0. */
static int32_t check(struct dr_task *t)
{
    const struct dr_node *formats = dr_task_param(t, "formats");
    int32_t rc = 0, n = dr_task_input_count(t, "tables");
    char name[NAME_SIZE], other[NAME_SIZE];
    if (dr_node_size(formats) == 0)
        rc = dr_task_problem(t, formats, "formats: there is none; name at least one");
    for (int64_t k = 0; k < dr_node_size(formats); k++) {
        const char *format = dr_node_str(dr_node_at(formats, k), "");
        if (!is_format(format) && !strstr(format, "${"))
            rc = dr_task_problem(t, dr_node_at(formats, k),
                                 "formats: '%s' is not one of csv, arrow, arrows, jsonl", format);
    }
    for (int32_t i = 0; i < n; i++) {
        file_name(dr_task_input_name(t, "tables", i), name);
        for (int32_t k = 0; k < i; k++) {
            file_name(dr_task_input_name(t, "tables", k), other);
            if (strcmp(name, other) == 0)
                rc = dr_task_problem(t, NULL, "tables: '%s' and '%s' would have the same file '%s'",
                                     dr_task_input_name(t, "tables", k), dr_task_input_name(t, "tables", i),
                                     name);
        }
    }
    return rc;
}

static int32_t write_formats(struct dr_task *t, const struct place *p, const char *name,
                             const struct dr_table *table)
{
    const struct dr_node *formats = dr_task_param(t, "formats");
    for (int64_t k = 0; k < dr_node_size(formats); k++) {
        const char *format = dr_node_str(dr_node_at(formats, k), "");
        char path[PATH_SIZE + 600];
        if (snprintf(path, sizeof path, "%s/%s.%s", p->folder, name, format) >= (int)sizeof path)
            return dr_task_fail_final(t, "the path '%s/%s.%s' is too long", p->folder, name, format);
        if (strcmp(format, "csv") == 0)
            DR_TRY(dr_table_write_csv(table, path, dr_task_err(t)));
        else if (strcmp(format, "arrow") == 0)
            DR_TRY(dr_table_write_arrow(table, path, dr_task_err(t)));
        else if (strcmp(format, "arrows") == 0)
            DR_TRY(dr_table_write_arrow_stream(table, path, dr_task_err(t)));
        else
            DR_TRY(dr_table_write_json(table, path, dr_task_err(t)));
    }
    return 0;
}

static int32_t write_all(struct dr_task *t, const struct place *p)
{
    int32_t n = dr_task_input_count(t, "tables");
    for (int32_t i = 0; i < n; i++) {
        struct dr_table *table = NULL;
        char name[NAME_SIZE];
        file_name(dr_task_input_name(t, "tables", i), name);
        DR_TRY(dr_task_read(t, "tables", i, NULL, &table, NULL));
        int32_t rc = write_formats(t, p, name, table);
        dr_table_unref(table);
        DR_TRY(rc);
        dr_task_progress(t, i + 1, n);
    }
    return 0;
}

static int32_t swing_latest(struct dr_task *t, const struct place *p)
{
    char link[PATH_SIZE + 16], fresh[PATH_SIZE + 16];
    snprintf(link, sizeof link, "%s/latest", p->dag);
    snprintf(fresh, sizeof fresh, "%s/latest.new", p->dag);
    unlink(fresh); /* of an attempt that died between the two calls below */
    if (symlink(p->name, fresh) || rename(fresh, link))
        return dr_task_fail(t, "cannot point '%s' to this run: %s", link, strerror(errno));
    dr_task_log(t, DR_INFO, "files are in %s", link);
    return 0;
}

/* ---- removing old exports ---- */

struct old {
    char name[256];
    struct timespec made;
};

static int newest_first(const void *a, const void *b)
{
    const struct old *x = a, *y = b;
    if (x->made.tv_sec != y->made.tv_sec)
        return x->made.tv_sec < y->made.tv_sec ? 1 : -1;
    return x->made.tv_nsec < y->made.tv_nsec ? 1 : x->made.tv_nsec > y->made.tv_nsec ? -1 : 0;
}

/* RUN_ID.ATTEMPT */
static int is_export_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot > name && dot[1] && strspn(dot + 1, "0123456789") == strlen(dot + 1);
}

/* Whether there is nothing in the folder but what an export writes: people keep their own folders
 * beside. Leaves it rewound. */
static int is_export(DIR *d)
{
    int ours = 1;
    for (struct dirent *e; ours && (e = readdir(d));) {
        const char *dot = strrchr(e->d_name, '.');
        ours = e->d_name[0] == '.' ? !e->d_name[1 + (e->d_name[1] == '.')]
                                   : dot && (is_format(dot + 1) || strncmp(dot, ".tmp-", 5) == 0);
    }
    rewinddir(d);
    return ours;
}

static void remove_flat_folder(int dag, const char *name)
{
    int fd = openat(dag, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return;
    if (is_export(d)) {
        for (struct dirent *e; (e = readdir(d));)
            unlinkat(fd, e->d_name, 0);
        unlinkat(dag, name, AT_REMOVEDIR);
    }
    closedir(d);
}

/* Best effort: an old export that stays is no failure of this run. */
static void remove_old(struct dr_task *t, const struct place *p)
{
    int64_t keep = dr_node_int(dr_task_param(t, "keep"), 3);
    DIR *d = opendir(p->dag);
    struct old *found = NULL;
    size_t n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.' || !is_export_name(e->d_name) || strcmp(e->d_name, p->name) == 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
            continue;
        struct old *more = realloc(found, (n + 1) * sizeof *found);
        if (!more)
            break;
        found = more;
        snprintf(found[n].name, sizeof found[n].name, "%s", e->d_name);
        found[n++].made = st.st_mtim;
    }
    if (n)
        qsort(found, n, sizeof *found, newest_first);
    for (size_t i = keep > 1 ? (size_t)keep - 1 : 0; d && i < n; i++)
        remove_flat_folder(dirfd(d), found[i].name);
    free(found);
    if (d)
        closedir(d);
}

static int32_t export_files(struct dr_task *t)
{
    static struct place p;
    DR_TRY(check(t));
    DR_TRY(find_place(t, &p));
    int32_t rc = write_all(t, &p);
    if (!rc)
        rc = swing_latest(t, &p);
    if (rc)
        remove_flat_folder(AT_FDCWD, p.folder);
    else
        remove_old(t, &p);
    return rc;
}

DR_PLUGIN(.name = "export", .summary = "Write datasets as CSV and Arrow files, all of them or none",
          .doc = "The files are under FOLDER/DAG/latest/, a link that moves when all of them are complete. "
                 "Where a DAG\n"
                 "has several exports, each needs a folder of its own.",
          .params = params, .inputs = inputs, .run = export_files, .check = check);
