/* vocabulary - correct the spelling of a column's texts against a list of terms, and show each correction.
 *
 * A text is compared with every term without regard to ASCII case and to white space around it. It
 * becomes the nearest term by the restricted Damerau-Levenshtein distance (insertions,
 * deletions, substitutions, and swaps of neighbours, each 1, counted in code points), where that
 * is within max_distance and within max_share of the term's length: one slip in three letters
 * is another word as often as it is a slip. Where two terms that mean different things are
 * equally near, nobody can say which was meant, and the text stays as it is.
 *
 * Texts repeat, so each different one is looked up once and remembered.
 *
 * In the run's account of rows a row belongs to the group of its corrected text: what was refused before,
 * and is only counted here, too. */
#include <dagrun/task.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LETTERS = 200 };

static const struct dr_param params[] = {
    { "column", DR_PARAM_STRING, DR_REQUIRED, NULL, NULL, "The column to correct" },
    { "max_distance", DR_PARAM_INT, 0, "2", NULL, "The most slips that are corrected, 0 to 9" },
    { "max_share", DR_PARAM_FLOAT, 0, "0.34", NULL, "The most slips for each letter of the term" },
    { "dataset", DR_PARAM_STRING, 0, NULL, NULL,
      "The name in the run's account; the input's name without it" },
    { "account_by", DR_PARAM_STRING, 0, NULL, NULL,
      "Count rows into the run's account (raw, and quarantined those of `refused`) for each value of this "
      "column" },
    { 0 },
};
static const struct dr_port inputs[] = {
    { "table", DR_REQUIRED, 0, "A dataset or a file" },
    { "refused", 0, 0, "With account_by: rows that `validate` has set apart before, which are only counted" },
    { "terms", DR_REQUIRED, 0,
      "A column `term`, and optionally `means`: what the term becomes (itself where that is missing)" },
    { 0 },
};
static const struct dr_port outputs[] = {
    { "table", DR_REQUIRED, 0,
      "The rows, the column corrected, and two more: COLUMN_text, as it was, and COLUMN_distance, "
      "missing where no term was found" },
    { "corrections", 0, 0, "text, becomes, distance, decision, rows: what became of each spelling" },
    { 0 },
};

/* A text as code points, folded for comparison. */
struct word {
    uint32_t letter[MAX_LETTERS];
    int n; /* -1: too long to be compared */
};
struct term {
    struct word word;
    char *means;
};
struct match {
    char *text;
    const char *means; /* NULL: as it was */
    int distance;      /* -1: no term is near */
    bool tie;
};
struct vocabulary {
    struct term *terms;
    int64_t n_terms;
    int max_distance;
    double max_share;
    struct match *memory; /* open addressing; a power of two */
    size_t room, used;
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static char *copy(const char *p, int64_t n)
{
    char *text = need(malloc((size_t)n + 1));
    memcpy(text, p, (size_t)n);
    text[n] = '\0';
    return text;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The bytes are UTF-8: tables hold nothing else. */
static struct word spell(const char *p, int64_t n)
{
    struct word w = { .n = 0 };
    while (n > 0 && is_blank(p[n - 1]))
        n--;
    while (n > 0 && is_blank(*p))
        p++, n--;
    for (int64_t i = 0; i < n;) {
        unsigned char c = (unsigned char)p[i++];
        uint32_t letter = c < 0x80 ? c : c & (c < 0xe0 ? 0x1f : c < 0xf0 ? 0x0f : 0x07);
        while (i < n && ((unsigned char)p[i] & 0xc0) == 0x80)
            letter = letter << 6 | ((unsigned char)p[i++] & 0x3f);
        if (w.n == MAX_LETTERS)
            return (struct word){ .n = -1 };
        w.letter[w.n++] = letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter;
    }
    return w;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, three rows at a time. */
static int distance(const struct word *a, const struct word *b)
{
    int rows[3][MAX_LETTERS + 1], *before = rows[0], *above = rows[1], *row = rows[2];
    for (int j = 0; j <= b->n; j++)
        above[j] = j;
    for (int i = 1; i <= a->n; i++) {
        row[0] = i;
        for (int j = 1; j <= b->n; j++) {
            bool same = a->letter[i - 1] == b->letter[j - 1];
            row[j] = least(above[j - 1] + !same, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a->letter[i - 1] == b->letter[j - 2] &&
                a->letter[i - 2] == b->letter[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = above, above = row, row = oldest;
    }
    return above[b->n];
}

static void find_nearest(const struct vocabulary *v, struct match *m)
{
    struct word w = spell(m->text, (int64_t)strlen(m->text));
    m->distance = -1;
    if (w.n <= 0)
        return;
    for (int64_t i = 0; i < v->n_terms; i++) {
        const struct term *term = &v->terms[i];
        int gap = abs(term->word.n - w.n);
        if (gap > v->max_distance || (m->distance >= 0 && gap > m->distance))
            continue;
        int d = distance(&w, &term->word);
        if (d > v->max_distance || d > v->max_share * term->word.n || (m->distance >= 0 && d > m->distance))
            continue;
        m->tie = d == m->distance && (m->tie || strcmp(m->means, term->means) != 0);
        m->distance = d;
        m->means = term->means;
    }
    if (m->tie) {
        m->means = NULL;
        m->distance = -1;
    }
}

static size_t hash(const char *p, int64_t n)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (int64_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static struct match *slot(struct match *memory, size_t room, const char *p, int64_t n)
{
    size_t at = hash(p, n) & (room - 1);
    while (memory[at].text && (strncmp(memory[at].text, p, (size_t)n) != 0 || memory[at].text[n]))
        at = (at + 1) & (room - 1);
    return &memory[at];
}

static void grow(struct vocabulary *v)
{
    size_t room = v->room ? v->room * 2 : 1024;
    struct match *bigger = need(calloc(room, sizeof *bigger));
    for (size_t i = 0; i < v->room; i++)
        if (v->memory[i].text)
            *slot(bigger, room, v->memory[i].text, (int64_t)strlen(v->memory[i].text)) = v->memory[i];
    free(v->memory);
    v->memory = bigger;
    v->room = room;
}

static const struct match *look_up(struct vocabulary *v, const char *p, int64_t n)
{
    const char *end = memchr(p, '\0', (size_t)n); /* what follows a NUL byte is not compared */
    if (end)
        n = end - p;
    if (v->used * 2 >= v->room)
        grow(v);
    struct match *m = slot(v->memory, v->room, p, n);
    if (!m->text) {
        m->text = copy(p, n);
        find_nearest(v, m);
        v->used++;
    }
    return m;
}

/* ---- map functions: a text to what is said of it ---- */

static void put_term(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)n_args;
    if (args->state != 1)
        return;
    const struct match *m = look_up(ctx, args->p, args->n);
    ret->state = 1;
    ret->p = m->means ? m->means : args->p;
    ret->n = m->means ? (int64_t)strlen(m->means) : args->n;
}

static void put_distance(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)n_args;
    if (args->state != 1)
        return;
    const struct match *m = look_up(ctx, args->p, args->n);
    ret->state = m->distance >= 0;
    ret->i = m->distance;
}

static void put_decision(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)n_args;
    const struct match *m = args->state == 1 ? look_up(ctx, args->p, args->n) : NULL;
    ret->state = 1;
    ret->p = !m                ? "missing"
             : m->tie          ? "kept: several terms are equally near"
             : m->distance < 0 ? "kept: no term is near"
             : m->distance > 0 ? "corrected"
                               : "known";
    ret->n = (int64_t)strlen(ret->p);
}

/* ---- the task ---- */

static void take_term(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    struct vocabulary *v = ctx;
    ret->state = 0;
    if (args[0].state != 1)
        return;
    struct term *term = &v->terms[v->n_terms];
    term->word = spell(args[0].p, args[0].n);
    const struct dr_cell *means = n_args > 1 && args[1].state == 1 ? &args[1] : &args[0];
    term->means = copy(means->p, means->n);
    v->n_terms += term->word.n > 0;
}

static int32_t text_column(struct dr_task *t, const char *port, const struct dr_table *table,
                           const char *name, struct dr_column **ret)
{
    int32_t at = dr_table_find(table, name);
    if (at < 0)
        return dr_task_fail_final(t, "vocabulary: '%s' has no column '%s'", dr_task_input_name(t, port, 0),
                                  name);
    /* Terms must be taken one by one, and a dictionary would be mapped by its codes. */
    return dr_column_cast(dr_table_column(table, at), DR_TYPE_STRING, NULL, ret, dr_task_err(t));
}

static int32_t read_terms(struct dr_task *t, struct vocabulary *v)
{
    struct dr_table *table;
    struct dr_column *args[2] = { NULL, NULL }, *nothing = NULL;
    DR_TRY(dr_task_read(t, "terms", 0, NULL, &table, NULL));
    DR_TRY(text_column(t, "terms", table, "term", &args[0]));
    int has_means = dr_table_find(table, "means") >= 0;
    if (has_means)
        DR_TRY(text_column(t, "terms", table, "means", &args[1]));
    v->terms = need(calloc((size_t)dr_table_rows(table) + 1, sizeof *v->terms));
    const struct dr_column *given[2] = { args[0], args[1] };
    DR_TRY(dr_column_map(1 + has_means, given, take_term, v, DR_TYPE_INT64, NULL, &nothing, dr_task_err(t)));
    dr_column_unref(nothing);
    dr_column_unref(args[0]);
    dr_column_unref(args[1]);
    dr_table_unref(table);
    if (v->n_terms == 0)
        return dr_task_fail_final(t, "vocabulary: there are no terms in '%s'",
                                  dr_task_input_name(t, "terms", 0));
    return 0;
}

/* *table with a column more, made of texts by fn. */
static int32_t add(struct dr_task *t, struct vocabulary *v, const char *name, const struct dr_column *texts,
                   dr_map_fn fn, int32_t type, struct dr_table **table)
{
    struct dr_column *made;
    struct dr_table *wider;
    DR_TRY(dr_column_map(1, &texts, fn, v, type, NULL, &made, dr_task_err(t)));
    int32_t rc = dr_table_with(*table, name, made, &wider, dr_task_err(t));
    dr_column_unref(made);
    if (rc)
        return rc;
    dr_table_unref(*table);
    *table = wider;
    return 0;
}

static int32_t write_corrections(struct dr_task *t, struct vocabulary *v, const struct dr_column *texts)
{
    static const char *const names[] = { "text", "becomes", "distance", "decision" };
    static const struct dr_agg rows = { .fn = DR_AGG_COUNT, .name = "rows" };
    struct dr_table *each, *grouped;
    if (!dr_task_has_output(t, "corrections"))
        return 0;
    DR_TRY(dr_table_new(1, names, &texts, &each, dr_task_err(t)));
    DR_TRY(add(t, v, "becomes", texts, put_term, DR_TYPE_STRING, &each));
    DR_TRY(add(t, v, "distance", texts, put_distance, DR_TYPE_INT64, &each));
    DR_TRY(add(t, v, "decision", texts, put_decision, DR_TYPE_STRING, &each));
    DR_TRY(dr_table_group_by(each, 4, names, 1, &rows, &grouped, dr_task_err(t)));
    DR_TRY(dr_task_write(t, "corrections", grouped));
    dr_table_unref(grouped);
    dr_table_unref(each);
    return 0;
}

/* ---- the account ---- */

static void mark_missing(void *ctx, int32_t n_args, const struct dr_cell *args, struct dr_cell *ret)
{
    (void)ctx;
    (void)n_args;
    ret->state = args->state == 1 ? 0 : 2;
}

/* Of rows that `validate` refused, those that could be read: only the others have the text of their record.
 */
static int32_t readable_rows(struct dr_task *t, const struct dr_table *refused, struct dr_table **ret)
{
    struct dr_column *texts, *nothing;
    uint8_t *missing = need(calloc((size_t)dr_table_rows(refused) / 8 + 1, 1));
    DR_TRY(text_column(t, "refused", refused, "_record", &texts));
    const struct dr_column *record = texts;
    DR_TRY(dr_column_map(1, &record, mark_missing, NULL, DR_TYPE_INT64, missing, &nothing, dr_task_err(t)));
    int32_t rc = dr_table_filter(refused, missing, ret, dr_task_err(t));
    dr_column_unref(nothing);
    dr_column_unref(texts);
    free(missing);
    return rc;
}

static int32_t account_refused(struct dr_task *t, struct vocabulary *v, const char *column,
                               const char *dataset, const char *by)
{
    struct dr_table *refused, *named;
    struct dr_column *texts;
    DR_TRY(dr_task_read(t, "refused", 0, NULL, &refused, NULL));
    DR_TRY(readable_rows(t, refused, &named));
    int64_t unreadable = dr_table_rows(refused) - dr_table_rows(named);
    DR_TRY(text_column(t, "refused", named, column, &texts));
    DR_TRY(add(t, v, column, texts, put_term, DR_TYPE_STRING, &named));
    DR_TRY(dr_task_account_table(t, dataset, "raw", named, by));
    DR_TRY(dr_task_account_table(t, dataset, "quarantined", named, by));
    if (unreadable) {
        dr_task_account(t, dataset, "(unreadable)", "raw", unreadable);
        dr_task_account(t, dataset, "(unreadable)", "quarantined", unreadable);
    }
    dr_column_unref(texts);
    dr_table_unref(named);
    dr_table_unref(refused);
    return 0;
}

static int32_t account(struct dr_task *t, struct vocabulary *v, const char *column,
                       const struct dr_table *table)
{
    const char *by = dr_node_str(dr_task_param(t, "account_by"), NULL);
    const char *dataset = dr_node_str(dr_task_param(t, "dataset"), dr_task_input_name(t, "table", 0));
    if (!by)
        return 0;
    DR_TRY(dr_task_account_table(t, dataset, "raw", table, by));
    return dr_task_has_input(t, "refused") ? account_refused(t, v, column, dataset, by) : 0;
}

/* ---- the columns ---- */

static void name_beside(char *to, size_t size, const char *column, const char *suffix)
{
    snprintf(to, size, "%s_%s", column, suffix);
}

static int32_t correct(struct dr_task *t, struct vocabulary *v, const char *column)
{
    char text_name[512], distance_name[512];
    struct dr_table *table, *wider;
    struct dr_column *texts;
    name_beside(text_name, sizeof text_name, column, "text");
    name_beside(distance_name, sizeof distance_name, column, "distance");
    DR_TRY(dr_task_read(t, "table", 0, NULL, &table, NULL));
    DR_TRY(text_column(t, "table", table, column, &texts));
    DR_TRY(dr_table_with(table, text_name, texts, &wider, dr_task_err(t)));
    dr_table_unref(table);
    DR_TRY(add(t, v, column, texts, put_term, DR_TYPE_STRING, &wider));
    DR_TRY(add(t, v, distance_name, texts, put_distance, DR_TYPE_INT64, &wider));
    DR_TRY(write_corrections(t, v, texts));
    dr_task_metric(t, "rows", (double)dr_table_rows(wider));
    dr_task_metric(t, "spellings", (double)v->used);
    DR_TRY(account(t, v, column, wider));
    DR_TRY(dr_task_write(t, "table", wider));
    dr_column_unref(texts);
    dr_table_unref(wider);
    return 0;
}

static int32_t vocabulary(struct dr_task *t)
{
    const char *column = dr_node_str(dr_task_param(t, "column"), "");
    int64_t most = dr_node_int(dr_task_param(t, "max_distance"), 2);
    struct vocabulary v = { .max_share = dr_node_float(dr_task_param(t, "max_share"), 0.34) };
    if (most < 0 || most > 9)
        return dr_task_fail_final(t, "max_distance: %lld is not 0 to 9", (long long)most);
    if (!(v.max_share >= 0 && v.max_share <= 1))
        return dr_task_fail_final(t, "max_share: %g is not 0 to 1", v.max_share);
    if (strlen(column) > 400)
        return dr_task_fail_final(t, "column: the name is longer than 400 bytes");
    v.max_distance = (int)most;
    DR_TRY(read_terms(t, &v));
    return correct(t, &v, column);
}

DR_PLUGIN(.name = "vocabulary",
          .summary = "Correct spellings against a list of terms, with the distance shown",
          .doc = "Each text of a column becomes the nearest term of a list, by edit distance and within the\n"
                 "limits that are declared. A text between two terms, or far from all, stays as it is. The "
                 "text as it\n"
                 "was and the distance stand beside it.",
          .params = params, .inputs = inputs, .outputs = outputs, .run = vocabulary);
