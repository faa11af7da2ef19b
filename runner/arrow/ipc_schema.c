/* ipc_schema.c - the schema of an Arrow file, in and out.
 *
 * What dagrun has no type for is widened where nothing is lost (see type_of);
 * everything else is refused by name, for a column that is quietly left out or
 * bent is worse than none. */
#include "arrow/ipc.h"
#include "base/date.h"
#include "base/hash.h"

/* Every type of the format, for messages. */
static const char *const type_names[] = {
    "none",
    "null",
    "int",
    "float",
    "binary",
    "utf8",
    "bool",
    "decimal",
    "date",
    "time",
    "timestamp",
    "interval",
    "list",
    "struct",
    "union",
    "fixed_size_binary",
    "fixed_size_list",
    "map",
    "duration",
    "large_binary",
    "large_utf8",
    "large_list",
    "run_end_encoded",
    "binary_view",
    "utf8_view",
    "list_view",
    "large_list_view",
};
#define TYPE_NAMES (sizeof type_names / sizeof *type_names)

void dr_arrow_schema_done(struct dr_arrow_schema *s)
{
    for (int32_t i = 0; i < s->n; i++)
        free(s->fields[i].name);
    free(s->fields);
    *s = (struct dr_arrow_schema){ 0 };
}

/* ---- reading -------------------------------------------------------------- */

static int32_t fail_type(const struct dr_arrow_field *f, const char *problem, struct dr_err *err)
{
    const char *type = f->stored >= 0 && (size_t)f->stored < TYPE_NAMES ? type_names[f->stored] : "unknown";
    return dr_fail(err, DR_EINPUT, "column '%s' is of Arrow type %s%s, which dagrun cannot hold", f->name,
                   type, problem);
}

static bool int_bits_ok(int32_t bits)
{
    return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

static int32_t read_int(struct dr_fb_table t, struct dr_arrow_field *f, struct dr_err *err)
{
    f->type = DR_TYPE_INT64;
    f->bits = dr_fb_i32(t, DR_INT_BITS, 0);
    f->is_signed = dr_fb_i8(t, DR_INT_SIGNED, 0) != 0;
    return int_bits_ok(f->bits) ? DR_OK : fail_type(f, " of a width that Arrow does not have", err);
}

static int32_t read_float(struct dr_fb_table t, struct dr_arrow_field *f, struct dr_err *err)
{
    enum { HALF, SINGLE, DOUBLE };
    int16_t precision = dr_fb_i16(t, 0, HALF);
    f->type = DR_TYPE_FLOAT64;
    f->bits = precision == SINGLE ? 32 : 64;
    return precision == SINGLE || precision == DOUBLE ? DR_OK : fail_type(f, " of half precision", err);
}

static int32_t read_date(struct dr_fb_table t, struct dr_arrow_field *f, struct dr_err *err)
{
    f->type = DR_TYPE_DATE;
    f->unit = dr_fb_i16(t, 0, DR_ARROW_DATE_MS);
    return f->unit == DR_ARROW_DAY || f->unit == DR_ARROW_DATE_MS ? DR_OK
                                                                  : fail_type(f, " of an unknown unit", err);
}

/* A zone's name is not kept: the values are instants in UTC whatever it says. */
static int32_t read_timestamp(struct dr_fb_table t, struct dr_arrow_field *f, struct dr_err *err)
{
    f->type = DR_TYPE_TIMESTAMP;
    f->unit = dr_fb_i16(t, DR_TIMESTAMP_UNIT, DR_ARROW_SECOND);
    f->zoned = dr_fb_text(t, DR_TIMESTAMP_ZONE).n > 0;
    return f->unit >= DR_ARROW_SECOND && f->unit <= DR_ARROW_NS ? DR_OK
                                                                : fail_type(f, " of an unknown unit", err);
}

static int32_t read_decimal(struct dr_fb_table t, struct dr_arrow_field *f, struct dr_err *err)
{
    f->type = DR_TYPE_DECIMAL;
    f->bits = dr_fb_i32(t, DR_DECIMAL_BITS, 128);
    f->scale = dr_fb_i32(t, DR_DECIMAL_SCALE, 0);
    if (f->bits != 32 && f->bits != 64 && f->bits != 128)
        return fail_type(f, " of more than 128 bits", err);
    return f->scale >= -128 && f->scale <= 127 ? DR_OK : fail_type(f, " of a scale outside [-128, 127]", err);
}

/* Take over what the type's own table says, and find our type for it. */
static int32_t read_type(struct dr_fb_table t, struct dr_arrow_field *f, struct dr_err *err)
{
    switch (f->stored) {
    case DR_ARROW_NULL:
        f->type = DR_TYPE_NULL;
        return DR_OK;
    case DR_ARROW_BOOL:
        f->type = DR_TYPE_BOOL;
        return DR_OK;
    case DR_ARROW_UTF8:
    case DR_ARROW_LARGE_UTF8:
    case DR_ARROW_UTF8_VIEW:
        f->type = DR_TYPE_STRING;
        return DR_OK;
    case DR_ARROW_INT:
        return read_int(t, f, err);
    case DR_ARROW_FLOAT:
        return read_float(t, f, err);
    case DR_ARROW_DATE:
        return read_date(t, f, err);
    case DR_ARROW_TIMESTAMP:
        return read_timestamp(t, f, err);
    case DR_ARROW_DECIMAL:
        return read_decimal(t, f, err);
    default:
        return fail_type(f, "", err);
    }
}

static int32_t read_dictionary(struct dr_fb_table t, struct dr_arrow_field *f, struct dr_err *err)
{
    if (!dr_fb_present(t))
        return DR_OK;
    struct dr_fb_table index = dr_fb_sub(t, DR_DICTIONARY_INDEX);
    f->dictionary = true;
    f->dictionary_id = dr_fb_i64(t, DR_DICTIONARY_ID, 0);
    f->index_bits = dr_fb_present(index) ? dr_fb_i32(index, DR_INT_BITS, 0) : 32;
    f->index_signed = !dr_fb_present(index) || dr_fb_i8(index, DR_INT_SIGNED, 0) != 0;
    if (f->type == DR_TYPE_STRING)
        f->type = DR_TYPE_DICT;
    if (f->type == DR_TYPE_NULL)
        return fail_type(f, " in a dictionary", err);
    return int_bits_ok(f->index_bits) ? DR_OK : fail_type(f, " with dictionary codes of no Arrow type", err);
}

static int32_t read_name(struct dr_str name, int32_t i, struct dr_arrow_field *f, struct dr_err *err)
{
    if (name.n && (memchr(name.p, '\0', name.n) || !dr_utf8_valid(name)))
        return dr_fail(err, DR_EINPUT, "the name of column %d is not UTF-8 text", (int)i + 1);
    f->name = dr_malloc(name.n + 1);
    memcpy(f->name, name.n ? name.p : "", name.n);
    f->name[name.n] = '\0';
    return DR_OK;
}

static int32_t read_field(struct dr_fb_table t, int32_t i, struct dr_arrow_field *f, struct dr_err *err)
{
    DR_TRY(read_name(dr_fb_text(t, DR_FIELD_NAME), i, f, err));
    f->stored = (uint8_t)dr_fb_i8(t, DR_FIELD_TYPE, 0);
    DR_TRY(read_type(dr_fb_sub(t, DR_FIELD_DETAIL), f, err));
    return read_dictionary(dr_fb_sub(t, DR_FIELD_DICTIONARY), f, err);
}

static int32_t check_distinct_names(const struct dr_arrow_schema *s, struct dr_err *err)
{
    struct dr_map seen = { 0 };
    int32_t rc = DR_OK;
    for (int32_t i = 0; i < s->n && !rc; i++) {
        bool fresh;
        dr_map_put(&seen, dr_str_of(s->fields[i].name), &fresh);
        if (!fresh)
            rc = dr_fail(err, DR_EINPUT, "two columns are named '%s'", s->fields[i].name);
    }
    dr_map_done(&seen);
    return rc;
}

static int32_t read_fields(struct dr_fb_vec list, struct dr_arrow_schema *s, struct dr_err *err)
{
    for (size_t i = 0; i < list.n; i++) {
        struct dr_fb_table t = dr_fb_list_sub(list, i);
        int32_t at = s->n++;
        int32_t rc = read_field(t, at, &s->fields[at], err);
        if (list.fb->bad) /* then whatever was read of it means nothing */
            return dr_fail(err, DR_EINPUT, "the schema is damaged: %s", list.fb->bad);
        DR_TRY(rc);
    }
    return check_distinct_names(s, err);
}

int32_t dr_arrow_schema_read(struct dr_fb_table t, struct dr_arrow_schema *ret, struct dr_err *err)
{
    struct dr_arrow_schema s = { 0 };
    struct dr_fb_vec list = dr_fb_list(t, DR_SCHEMA_FIELDS, 4);
    int16_t endian = dr_fb_i16(t, DR_SCHEMA_ENDIAN, 0);
    if (!dr_fb_present(t))
        return dr_fail(err, DR_EINPUT, "the schema is missing or damaged");
    if (endian != 0)
        return dr_fail(err, DR_EINPUT,
                       "the data is big-endian; write it on, or for, a little-endian machine");
    if (list.n > DR_ARROW_MAX_COLUMNS)
        return dr_fail(err, DR_ELIMIT, "%zu columns are more than the %d that dagrun takes", list.n,
                       DR_ARROW_MAX_COLUMNS);
    s.fields = dr_calloc(list.n, sizeof *s.fields);
    int32_t rc = read_fields(list, &s, err);
    if (rc)
        dr_arrow_schema_done(&s);
    else
        *ret = s;
    return rc;
}

/* ---- writing -------------------------------------------------------------- */

void dr_arrow_schema_of(const struct dr_table *t, struct dr_arrow_schema *ret)
{
    static const int32_t stored[] = {
        [DR_TYPE_NULL] = DR_ARROW_NULL,       [DR_TYPE_BOOL] = DR_ARROW_BOOL,
        [DR_TYPE_INT64] = DR_ARROW_INT,       [DR_TYPE_FLOAT64] = DR_ARROW_FLOAT,
        [DR_TYPE_DATE] = DR_ARROW_DATE,       [DR_TYPE_TIMESTAMP] = DR_ARROW_TIMESTAMP,
        [DR_TYPE_DECIMAL] = DR_ARROW_DECIMAL, [DR_TYPE_STRING] = DR_ARROW_LARGE_UTF8,
        [DR_TYPE_DICT] = DR_ARROW_UTF8,
    };
    ret->n = t->n;
    ret->fields = dr_calloc((size_t)t->n, sizeof *ret->fields);
    for (int32_t i = 0; i < t->n; i++) {
        const struct dr_column *c = t->columns[i];
        ret->fields[i] = (struct dr_arrow_field){ .name = dr_strdup(t->names[i]),
                                                  .type = c->type,
                                                  .stored = stored[c->type],
                                                  .scale = c->scale,
                                                  .zoned = c->zoned,
                                                  .dictionary = c->type == DR_TYPE_DICT,
                                                  .dictionary_id = i };
    }
}

static dr_fb_ref write_int(struct dr_fbb *b, int32_t bits)
{
    dr_fbb_start(b);
    dr_fbb_i32(b, DR_INT_BITS, bits);
    dr_fbb_i8(b, DR_INT_SIGNED, 1);
    return dr_fbb_end(b);
}

/* The type's own table: only what differs from its defaults. */
static dr_fb_ref write_type(struct dr_fbb *b, const struct dr_arrow_field *f)
{
    enum { DOUBLE = 2, MOST_DIGITS = 38 };
    if (f->type == DR_TYPE_INT64)
        return write_int(b, 64);
    dr_fb_ref zone = f->type == DR_TYPE_TIMESTAMP && f->zoned ? dr_fbb_str(b, DR_LIT("UTC")) : 0;
    dr_fbb_start(b);
    switch (f->type) {
    case DR_TYPE_FLOAT64:
        dr_fbb_i16(b, 0, DOUBLE);
        break;
    case DR_TYPE_DATE:
        dr_fbb_i16(b, 0, DR_ARROW_DAY);
        break;
    case DR_TYPE_TIMESTAMP:
        dr_fbb_i16(b, DR_TIMESTAMP_UNIT, DR_ARROW_US);
        if (zone)
            dr_fbb_ref(b, DR_TIMESTAMP_ZONE, zone);
        break;
    case DR_TYPE_DECIMAL:
        dr_fbb_i32(b, DR_DECIMAL_PRECISION, MOST_DIGITS);
        dr_fbb_i32(b, DR_DECIMAL_SCALE, f->scale);
        dr_fbb_i32(b, DR_DECIMAL_BITS, 128);
        break;
    default:
        break;
    }
    return dr_fbb_end(b);
}

static dr_fb_ref write_dictionary(struct dr_fbb *b, const struct dr_arrow_field *f)
{
    dr_fb_ref index = write_int(b, 32);
    dr_fbb_start(b);
    dr_fbb_i64(b, DR_DICTIONARY_ID, f->dictionary_id);
    dr_fbb_ref(b, DR_DICTIONARY_INDEX, index);
    return dr_fbb_end(b);
}

static dr_fb_ref write_field(struct dr_fbb *b, const struct dr_arrow_field *f)
{
    dr_fb_ref name = dr_fbb_str(b, dr_str_of(f->name));
    dr_fb_ref type = write_type(b, f);
    dr_fb_ref dictionary = f->dictionary ? write_dictionary(b, f) : 0;
    dr_fb_ref children = dr_fbb_refs(b, NULL, 0); /* peers want the list even where it is empty */
    dr_fbb_start(b);
    dr_fbb_ref(b, DR_FIELD_NAME, name);
    dr_fbb_i8(b, DR_FIELD_NULLABLE, 1);
    dr_fbb_i8(b, DR_FIELD_TYPE, (int8_t)f->stored);
    dr_fbb_ref(b, DR_FIELD_DETAIL, type);
    if (dictionary)
        dr_fbb_ref(b, DR_FIELD_DICTIONARY, dictionary);
    dr_fbb_ref(b, DR_FIELD_CHILDREN, children);
    return dr_fbb_end(b);
}

dr_fb_ref dr_arrow_schema_write(struct dr_fbb *b, const struct dr_arrow_schema *s)
{
    DR_AUTO_FREE dr_fb_ref *refs = dr_malloc((size_t)s->n * sizeof *refs);
    for (int32_t i = 0; i < s->n; i++)
        refs[i] = write_field(b, &s->fields[i]);
    dr_fb_ref fields = dr_fbb_refs(b, refs, (size_t)s->n);
    dr_fbb_start(b);
    dr_fbb_ref(b, DR_SCHEMA_FIELDS, fields);
    return dr_fbb_end(b);
}

/* ---- values --------------------------------------------------------------- */

#define BLOCK 1024
#define FIRST_DAY (-719162) /* 0001-01-01 */
#define LAST_DAY 2932896    /* 9999-12-31 */
#define FIRST_US (FIRST_DAY * DR_US_PER_DAY)
#define LAST_US ((LAST_DAY + 1) * DR_US_PER_DAY - 1)

static bool days_in_range(const int32_t *days, int64_t n)
{
    bool bad = false;
    for (int64_t i = 0; i < n; i++)
        bad |= days[i] < FIRST_DAY || days[i] > LAST_DAY;
    return !bad;
}

static bool times_in_range(const int64_t *us, int64_t n)
{
    bool bad = false;
    for (int64_t i = 0; i < n; i++)
        bad |= us[i] < FIRST_US || us[i] > LAST_US;
    return !bad;
}

int64_t dr_arrow_out_of_range(const struct dr_array *a)
{
    bool date = a->type == DR_TYPE_DATE;
    for (int64_t from = 0; from < a->n; from += BLOCK) {
        int64_t n = a->n - from < BLOCK ? a->n - from : BLOCK;
        const int32_t *days = (const int32_t *)a->values + from;
        const int64_t *us = (const int64_t *)a->values + from;
        if (date ? days_in_range(days, n) : times_in_range(us, n))
            continue;
        for (int64_t i = 0; i < n; i++)
            if (date ? !days_in_range(days + i, 1) : !times_in_range(us + i, 1))
                return from + i;
    }
    return -1;
}
