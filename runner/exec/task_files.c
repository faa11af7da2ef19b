/* task_files.c - the inputs and outputs of a task, in the worker.
 *
 * An output is a file work/out/NAME of the attempt, where NAME is the dataset's
 * name; a table without one of the known endings gets ".arrow". When the task has
 * succeeded the runner renames the folder to TASK/out, so an input made by another
 * task is TASK/out/NAME or TASK/out/NAME.arrow, whichever is there. */
#include "exec/task_impl.h"
#include "exec/executor.h"
#include "data/file_format.h"
#include "data/stream.h"
#include "exec/hashing.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include <dagrun/task.h>
#include <errno.h>
#include <sys/stat.h>

enum { SCHEMA_MAX = 4 << 20 };

/* ---- finding ---- */

static struct dr_task_file *nth(struct dr_task_file *files, int32_t n, const char *port, int32_t i)
{
    for (int32_t k = 0; k < n; k++)
        if (dr_streq(files[k].port, port) && i-- == 0)
            return &files[k];
    return NULL;
}

/* An output by its port, or by its dataset's name where a port takes a list. */
static struct dr_task_file *find_output(const struct dr_task *t, const char *name)
{
    struct dr_task_file *by_port = nth(t->outputs, t->n_outputs, name, 0);
    if (by_port)
        return by_port;
    for (int32_t k = 0; k < t->n_outputs; k++)
        if (dr_streq(t->outputs[k].name, name))
            return &t->outputs[k];
    return NULL;
}

static int32_t count(const struct dr_task_file *files, int32_t n, const char *port)
{
    int32_t found = 0;
    for (int32_t k = 0; k < n; k++)
        found += dr_streq(files[k].port, port);
    return found;
}

int32_t dr_task_has_input(const struct dr_task *t, const char *name)
{
    return count(t->inputs, t->n_inputs, name) > 0;
}

int32_t dr_task_has_output(const struct dr_task *t, const char *name)
{
    return find_output(t, name) != NULL;
}

int32_t dr_task_input_count(const struct dr_task *t, const char *name)
{
    return count(t->inputs, t->n_inputs, name);
}

int32_t dr_task_output_count(const struct dr_task *t, const char *name)
{
    return count(t->outputs, t->n_outputs, name);
}

const char *dr_task_input_name(const struct dr_task *t, const char *name, int32_t i)
{
    const struct dr_task_file *f = nth(t->inputs, t->n_inputs, name, i);
    return f ? f->name : NULL;
}

const char *dr_task_output_name(const struct dr_task *t, const char *name, int32_t i)
{
    const struct dr_task_file *f = nth(t->outputs, t->n_outputs, name, i);
    return f ? f->name : NULL;
}

const char *dr_task_input_path(const struct dr_task *t, const char *name, int32_t i)
{
    const struct dr_task_file *f = nth(t->inputs, t->n_inputs, name, i);
    return f ? f->path : NULL;
}

/* ---- binding ---- */

/* TASK/out of a task of this run. */
static const char *out_folder(struct dr_task *t, const char *task_id)
{
    const struct dr_worker_job *j = t->job;
    char *task = dr_exec_dir(&t->arena, j->home, j->dag->dag_id, j->subst->run_id, task_id, 0);
    return dr_path_join(&t->arena, task, "out");
}

static const char *dataset_path(struct dr_task *t, int32_t producer, const char *name)
{
    const char *folder = out_folder(t, t->job->dag->tasks[producer].id);
    const char *plain = dr_path_join(&t->arena, folder, name);
    return dr_path_exists(plain) ? plain : dr_arena_printf(&t->arena, "%s.arrow", plain);
}

static int32_t bind_one(struct dr_task *t, const struct dr_binding *b, struct dr_task_file *ret,
                        struct dr_err *err)
{
    const char *name;
    if (dr_subst_text(&t->arena, dr_str_of(b->text), t->job->subst, &name, err))
        return dr_err_prefix(err, "%s:%d:%d", b->mark.file ? b->mark.file : "?", (int)b->mark.line,
                             (int)b->mark.column);
    *ret = (struct dr_task_file){ .port = b->port, .name = name, .producer = b->producer };
    return DR_OK;
}

static int32_t bind_input(struct dr_task *t, const struct dr_binding *b, struct dr_task_file *ret,
                          struct dr_err *err)
{
    DR_TRY(bind_one(t, b, ret, err));
    ret->path = b->producer >= 0 ? dataset_path(t, b->producer, ret->name)
                                 : dr_path_join(&t->arena, t->job->home->path, ret->name);
    return DR_OK;
}

static int32_t bind_output(struct dr_task *t, const struct dr_binding *b, struct dr_task_file *ret,
                           struct dr_err *err)
{
    DR_TRY(bind_one(t, b, ret, err));
    if (!dr_name_ok(ret->name))
        return dr_fail(err, DR_EDEF,
                       "output %s: '%s' cannot be the name of a dataset (letters, digits, _ . -)", b->port,
                       ret->name);
    ret->path = dr_path_join(&t->arena, t->folders->out, ret->name);
    return DR_OK;
}

int32_t dr_task_bind(struct dr_task *t, struct dr_err *err)
{
    const struct dr_task_def *def = t->job->def;
    t->n_inputs = def->n_inputs;
    t->n_outputs = def->n_outputs;
    t->inputs = dr_arena_array(&t->arena, (size_t)def->n_inputs, sizeof(*t->inputs));
    t->outputs = dr_arena_array(&t->arena, (size_t)def->n_outputs, sizeof(*t->outputs));
    for (int32_t i = 0; i < def->n_inputs; i++)
        DR_TRY(bind_input(t, &def->inputs[i], &t->inputs[i], err));
    for (int32_t i = 0; i < def->n_outputs; i++)
        DR_TRY(bind_output(t, &def->outputs[i], &t->outputs[i], err));
    return DR_OK;
}

/* ---- telling the runner what was read and written ---- */

static const char *schema_json(struct dr_task *t, const struct dr_table *table)
{
    DR_AUTO_BUF text = { .max = SCHEMA_MAX };
    struct dr_json j = { .out = &text };
    dr_json_array(&j);
    for (int32_t i = 0; i < dr_table_columns(table); i++) {
        dr_json_object(&j);
        dr_json_key(&j, "name");
        dr_json_cstr(&j, dr_table_column_name(table, i));
        dr_json_key(&j, "type");
        dr_json_cstr(&j, dr_type_name(dr_column_type(dr_table_column(table, i))));
        dr_json_end_object(&j);
    }
    dr_json_end_array(&j);
    return dr_buf_ok(&text) ? dr_arena_dup(&t->arena, text.p, text.n) : NULL;
}

static int32_t hash_of(struct dr_task_file *f, const char *path, char hash[DR_HASH_HEX], uint64_t *ret_bytes,
                       struct dr_err *err)
{
    struct dr_hashing *begun = f->hashing;
    struct stat st;
    f->hashing = NULL;
    if (f->hash) {
        memcpy(hash, f->hash, DR_HASH_HEX);
        *ret_bytes = f->bytes;
        return DR_OK;
    }
    if (begun)
        return dr_hashing_finish(begun, hash, ret_bytes, err);
    bool file = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    return file ? dr_hash_file(path, hash, ret_bytes, err) : DR_OK;
}

/* shown is where the file will be found; path where it is now. table says the schema, and may be NULL. */
static int32_t record(struct dr_task *t, struct dr_task_file *f, const char *path, const char *shown,
                      bool output, const struct dr_table *table, int64_t rows)
{
    char hash[DR_HASH_HEX] = "";
    uint64_t bytes = 0;
    DR_TRY(hash_of(f, path, hash, &bytes, &t->err));
    struct dr_msg m = {
        .type = DR_MSG_DATASET,
        .dataset = {
            .name = f->name,
            .path = dr_home_show(&t->arena, t->job->home, shown),
            .port = f->port,
            .hash = hash[0] ? hash : NULL,
            .schema = table ? schema_json(t, table) : NULL,
            .rows = rows,
            .bytes = (int64_t)bytes,
            .output = output,
        },
    };
    f->recorded = true;
    dr_task_send(t, &m);
    return DR_OK;
}

static int64_t rows_of(const struct dr_table *table)
{
    return table ? dr_table_rows(table) : -1;
}

/* ---- reading ---- */

static bool ends(const char *path, const char *suffix)
{
    return dr_str_ends(dr_str_of(path), dr_str_of(suffix));
}

static int32_t read_text(const char *path, const struct dr_csv_options *csv, struct dr_table **ret,
                         struct dr_table **ret_rejects, struct dr_err *err)
{
    struct dr_csv_options options = { .size = sizeof(options) };
    if (csv)
        options = *csv;
    if (dr_file_format_of(path) == DR_FORMAT_TSV && options.delimiter == 0)
        options.delimiter = '\t';
    return dr_table_read_csv(path, &options, ret, ret_rejects, err);
}

/* What the task says about CSV holds for JSON as far as it can. */
static int32_t read_json(const char *path, const struct dr_csv_options *csv, struct dr_table **ret,
                         struct dr_table **ret_rejects, struct dr_err *err)
{
    struct dr_json_options options = { .size = sizeof(options) };
    struct dr_json_extras extras = { .size = sizeof(extras) };
    if (csv) {
        options.forgiving = csv->forgiving;
        options.encoding = csv->encoding;
        options.line_column = csv->line_column;
        options.hide_text = csv->size > offsetof(struct dr_csv_options, hide_text) && csv->hide_text;
    }
    DR_TRY(dr_table_read_json(path, &options, ret, &extras, err));
    dr_table_unref(extras.columns);
    if (ret_rejects)
        *ret_rejects = extras.rejects;
    else
        dr_table_unref(extras.rejects);
    return DR_OK;
}

static int32_t read_by_name(const char *path, const struct dr_csv_options *csv, struct dr_table **ret,
                            struct dr_table **ret_rejects, struct dr_err *err)
{
    switch (dr_file_format_of(path)) {
    case DR_FORMAT_CSV:
    case DR_FORMAT_TSV:
        return read_text(path, csv, ret, ret_rejects, err);
    case DR_FORMAT_JSON:
        return read_json(path, csv, ret, ret_rejects, err);
    case DR_FORMAT_ARROW:
        if (ret_rejects)
            *ret_rejects = NULL;
        return dr_table_read_arrow(path, ret, err);
    default:
        if (!dr_path_exists(path))
            return dr_fail(err, DR_ENOTFOUND, "cannot open '%s': there is no such file", path);
        return dr_fail(err, DR_EINPUT,
                       "'%s': the ending of its name does not say what it holds: only " DR_FORMAT_ENDINGS
                       " are read as tables",
                       path);
    }
}

int32_t dr_task_input_file(struct dr_task *t, const char *name, int32_t i, struct dr_task_file **ret)
{
    struct dr_task_file *f = nth(t->inputs, t->n_inputs, name, i);
    if (!f)
        return dr_fail(&t->err, DR_EDEF, "the task has no input '%s' (number %d)", name, (int)i + 1);
    if (f->producer >= 0 && !dr_path_exists(f->path)) {
        const char *maker = t->job->dag->tasks[f->producer].id;
        return dr_fail(
            &t->err, DR_ENOTFOUND,
            "dataset '%s' is not there: task '%s' did not make it, or its file was deleted since (then "
            "dagrun retry --task %s makes it again)",
            f->name, maker, maker);
    }
    *ret = f;
    return DR_OK;
}

void dr_task_hash_ahead(const struct dr_task *t, struct dr_task_file *f)
{
    if (t->info.threads > 1 && !f->recorded && !f->hashing)
        f->hashing = dr_hashing_start(f->path);
}

void dr_task_hash_is(struct dr_task *t, struct dr_task_file *f, const char *hash, uint64_t bytes)
{
    f->hash = dr_arena_strdup(&t->arena, hash);
    f->bytes = bytes;
}

int32_t dr_task_record_read(struct dr_task *t, struct dr_task_file *f, const struct dr_table *table)
{
    return f->recorded ? DR_OK : record(t, f, f->path, f->path, false, table, rows_of(table));
}

int32_t dr_task_record_rows(struct dr_task *t, struct dr_task_file *f, const struct dr_table *like,
                            int64_t rows)
{
    return f->recorded ? DR_OK : record(t, f, f->path, f->path, false, like, rows);
}

int32_t dr_task_read(struct dr_task *t, const char *name, int32_t i, const struct dr_csv_options *csv,
                     struct dr_table **ret, struct dr_table **ret_rejects)
{
    struct dr_task_file *f;
    struct dr_table *table;
    DR_TRY(dr_task_input_file(t, name, i, &f));
    dr_task_hash_ahead(t, f);
    DR_TRY(read_by_name(f->path, csv, &table, ret_rejects, &t->err));
    int32_t rc = dr_task_record_read(t, f, table);
    if (rc) {
        dr_table_unref(table);
        return rc;
    }
    *ret = table;
    return DR_OK;
}

int32_t dr_task_record_input(struct dr_task *t, const char *name, int32_t i, const struct dr_table *table)
{
    struct dr_task_file *f = nth(t->inputs, t->n_inputs, name, i);
    if (!f)
        return dr_fail(&t->err, DR_EDEF, "the task has no input '%s' (number %d)", name, (int)i + 1);
    return f->recorded ? DR_OK : record(t, f, f->path, f->path, false, table, rows_of(table));
}

/* ---- writing ---- */

static int32_t make_out(const struct dr_task *t, struct dr_err *err)
{
    struct dr_task_folders *f = t->folders;
    if (f->made_out)
        return DR_OK;
    DR_TRY(dr_task_make_work(t, err));
    if (mkdir(f->out, 0777) < 0 && errno != EEXIST)
        return dr_fail_sys(err, "cannot make '%s'", f->out);
    f->made_out = true;
    return DR_OK;
}

static int32_t output_for(struct dr_task *t, const char *name, struct dr_task_file **ret)
{
    struct dr_task_file *f = find_output(t, name);
    if (!f)
        return dr_fail(&t->err, DR_EDEF, "the task has no output '%s'", name);
    DR_TRY(make_out(t, &t->err));
    f->used = true;
    *ret = f;
    return DR_OK;
}

/* Where an output of this attempt will be once it has succeeded. */
static const char *final_path(struct dr_task *t, const char *path)
{
    return dr_path_join(&t->arena, out_folder(t, t->job->def->id), dr_path_base(path));
}

static bool is_json_lines(const char *path)
{
    return ends(path, ".jsonl") || ends(path, ".ndjson");
}

static void add_ending(struct dr_task *t, struct dr_task_file *f)
{
    if (dr_file_format_of(f->path) != DR_FORMAT_ARROW)
        f->path = dr_arena_printf(&t->arena, "%s.arrow", f->path);
}

int32_t dr_task_write(struct dr_task *t, const char *name, const struct dr_table *table)
{
    struct dr_task_file *f;
    DR_TRY(output_for(t, name, &f));
    if (ends(f->path, ".csv")) {
        DR_TRY(dr_table_write_csv(table, f->path, &t->err));
    } else if (is_json_lines(f->path)) {
        DR_TRY(dr_table_write_json(table, f->path, &t->err));
    } else if (ends(f->path, ".arrows")) {
        DR_TRY(dr_table_write_arrow_stream(table, f->path, &t->err));
    } else {
        add_ending(t, f);
        DR_TRY(dr_table_write_arrow(table, f->path, &t->err));
    }
    return record(t, f, f->path, final_path(t, f->path), true, table, rows_of(table));
}

static int32_t open_writer(struct dr_task *t, struct dr_task_file *f, const struct dr_table *batch)
{
    DR_TRY(dr_table_take(batch, 0, NULL, &f->schema, &t->err));
    if (ends(f->path, ".csv"))
        return dr_csv_writer(f->path, &f->writer, &t->err);
    if (is_json_lines(f->path))
        return dr_json_writer(f->path, &f->writer, &t->err);
    add_ending(t, f);
    return dr_arrow_writer(f->path, &f->writer, &t->err);
}

int32_t dr_task_append(struct dr_task *t, const char *name, const struct dr_table *batch)
{
    struct dr_task_file *f;
    DR_TRY(output_for(t, name, &f));
    if (!f->schema)
        DR_TRY(open_writer(t, f, batch));
    f->rows += batch->rows;
    return f->writer->write(f->writer, batch, &t->err);
}

int32_t dr_task_append_end(struct dr_task *t, const char *name)
{
    struct dr_task_file *f = find_output(t, name);
    if (!f || !f->writer)
        return dr_fail(&t->err, DR_EPLUGIN, "output '%s' was not begun with dr_task_append", name);
    int32_t rc = f->writer->commit(f->writer, &t->err);
    f->writer = NULL;
    return rc ? rc : record(t, f, f->path, final_path(t, f->path), true, f->schema, f->rows);
}

void dr_task_drop_outputs(struct dr_task *t)
{
    for (int32_t i = 0; i < t->n_outputs; i++) {
        struct dr_task_file *f = &t->outputs[i];
        if (f->writer)
            f->writer->abort(f->writer);
        f->writer = NULL;
        dr_table_unref(f->schema);
        f->schema = NULL;
    }
}

const char *dr_task_output_path(struct dr_task *t, const char *name)
{
    struct dr_task_file *f;
    return output_for(t, name, &f) ? NULL : f->path;
}

int32_t dr_task_check_outputs(struct dr_task *t, struct dr_err *err)
{
    for (int32_t i = 0; i < t->n_outputs; i++) {
        struct dr_task_file *f = &t->outputs[i];
        if (!f->used || !dr_path_exists(f->path))
            return dr_fail(err, DR_EPLUGIN,
                           "plugin '%s' reported success, but did not write its output '%s' "
                           "(dataset '%s')",
                           t->job->def->plugin, f->port, f->name);
        if (!f->recorded && record(t, f, f->path, final_path(t, f->path), true, NULL, rows_of(NULL))) {
            *err = t->err;
            return err->rc;
        }
    }
    return DR_OK;
}
