/* xml.c - the rows of an XML file, by libxml2's streaming reader: memory is that of
 * one row. Nothing else here includes libxml2.
 *
 * Every field has an absolute path of elements, with an attribute's name at its end where it is
 * one: `../@id` below the row /practices/practice/office is /practices/practice + @id. A
 * field belongs to the deepest element that its path shares with the row's: when that
 * element begins anew, the field is empty again. So what stands outside of a row, but before
 * it, is given to every row that follows in the same parent.
 *
 * Nothing is fetched and no entity is expanded: a document that declares entities, or
 * attributes, is refused. Names match without their namespace prefix. */
#include "extract.h"
#include "xml_scan.h"
#include <errno.h>
#include <fcntl.h>
#include <libxml/xmlreader.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS_MAX = 512, DEPTH_MAX = 64, PATH_MAX_BYTES = 1024 };

struct field {
    const char *name;
    char *path;            /* of elements: "/a/b" */
    const char *attribute; /* NULL: the element's text */
    int owner;             /* depth of the element that it belongs to */
    bool there;            /* has a value */
    bool open;             /* its element has begun and not ended */
    char *text;            /* owned: so far */
    size_t n, size;
    struct dr_builder *column;
};
struct xml {
    struct dr_task *t;
    xmlTextReaderPtr reader;
    char *row; /* path */
    int row_depth;
    struct field fields[FIELDS_MAX];
    int n_fields;
    char path[PATH_MAX_BYTES]; /* of the element that is open */
    size_t path_ends[DEPTH_MAX];
    int depth;
    int64_t rows;
    int fd;
    struct xml_scan scan;
    char problem[400];
};

/* ---- settings ---- */

static int depth_of(const char *path)
{
    int depth = 0;
    for (const char *p = path; *p; p++)
        depth += *p == '/';
    return depth;
}

/* How many elements two paths share from the root. */
static int shared_depth(const char *a, const char *b)
{
    int depth = 0;
    for (size_t i = 0;; i++) {
        bool end_a = a[i] == 0 || a[i] == '/', end_b = b[i] == 0 || b[i] == '/';
        if (end_a && end_b && i > 0)
            depth++;
        if (a[i] != b[i] || a[i] == 0)
            return depth;
    }
}

/* Names of elements with slashes between. What can match none (a prefix, a condition, "..") would give
 * missing values, or no rows, without a word. */
static bool are_names(const char *p, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && p[i] != '/') {
            if (strchr(" :*()[]=|\"'", p[i]))
                return false;
            continue;
        }
        if (i == from || strspn(p + from, ".") >= i - from)
            return false;
        from = i + 1;
    }
    return true;
}

/* "../@id" below `row` as elements and attribute. */
static int32_t place_field(const struct settings *columns, const char *row, const char *given,
                           struct field *f)
{
    char path[PATH_MAX_BYTES];
    const char *p = given, *at = strrchr(given, '@');
    snprintf(path, sizeof path, "%s", row);
    for (; strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == 0); p += p[2] ? 3 : 2) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            return settings_refuse(columns, f->name, "'%s' leads above the root", given);
        *slash = 0;
    }
    while (strncmp(p, "./", 2) == 0)
        p += 2;
    size_t n = at && at >= p ? (size_t)(at - p) : strlen(p);
    if (n && p[n - 1] == '/')
        n--;
    bool own = n == 0 || (n == 1 && p[0] == '.');
    if (p[0] == '/' || (at && (at < p || !at[1] || strchr(at, '/') || memchr(p, '@', n))) ||
        (!own && !are_names(p, n)) || strlen(path) + n + 2 > sizeof path)
        return settings_refuse(
            columns, f->name,
            "'%s' is not a path from the row, without prefixes, such as name, address/city, @id or ../@id",
            given);
    f->path = own ? text_of("%s", path) : text_of("%s/%.*s", path, (int)n, p);
    f->attribute = at ? at + 1 : NULL;
    f->owner = shared_depth(f->path, row);
    return 0;
}

static int32_t read_fields(const struct settings *s, struct xml *x)
{
    struct settings columns;
    DR_TRY(settings_below(s, "columns", NULL, &columns));
    int64_t n = dr_node_size(columns.map);
    if (n == 0 || n > FIELDS_MAX)
        return settings_refuse(s, "columns", "must name 1 to %d columns", FIELDS_MAX);
    for (int64_t i = 0; i < n; i++) {
        struct field *f = &x->fields[x->n_fields];
        const char *given;
        f->name = dr_node_key(columns.map, i);
        DR_TRY(settings_text(&columns, f->name, REQUIRED_TEXT, &given));
        DR_TRY(place_field(&columns, x->row, given, f));
        x->n_fields++;
    }
    return 0;
}

static int32_t read_settings(struct dr_task *t, struct xml *x)
{
    struct settings s;
    const char *row;
    DR_TRY(settings_of_task(t, "xml", "row|columns", &s));
    DR_TRY(settings_text(&s, "row", REQUIRED_TEXT, &row));
    if (row[0] != '/' || !are_names(row + 1, strlen(row + 1)) || strchr(row, '@') ||
        strlen(row) > PATH_MAX_BYTES / 2)
        return settings_refuse(
            &s, "row", "'%s' is not a path of elements from the root, without prefixes, such as /list/item",
            row);
    x->row = text_of("%s", row);
    x->row_depth = depth_of(row);
    return read_fields(&s, x);
}

/* ---- values ---- */

static bool complain(struct xml *x, const char *fmt, ...) DR_PRINTF(2, 3);
static bool complain(struct xml *x, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    xmlNodePtr node = xmlTextReaderCurrentNode(x->reader);
    long line = node ? xmlGetLineNo(node) : xmlTextReaderGetParserLineNumber(x->reader);
    int n = snprintf(x->problem, sizeof x->problem, "line %ld: ", line);
    if (n > 0 && (size_t)n < sizeof x->problem)
        vsnprintf(x->problem + n, sizeof x->problem - (size_t)n, fmt, ap);
    va_end(ap);
    return false;
}

static void add_text(struct field *f, const char *p, size_t n)
{
    if (f->n + n + 1 > f->size) {
        f->size = (f->n + n + 1) * 2;
        f->text = realloc(f->text, f->size);
        if (!f->text)
            abort();
    }
    memcpy(f->text + f->n, p, n);
    f->n += n;
}

/* A second value has no place in a row: it is not dropped silently. */
static bool start_value(struct xml *x, struct field *f)
{
    if (f->there)
        return complain(x, "'%s' stands twice in one %s; give it rows of its own", f->path,
                        f->owner == x->row_depth ? "row" : "parent of rows");
    f->there = true;
    f->n = 0;
    return true;
}

/* Those of that name which have a namespace prefix. */
static bool take_prefixed(struct xml *x, struct field *f)
{
    bool ok = true;
    while (ok && xmlTextReaderMoveToNextAttribute(x->reader) == 1) {
        const char *text = (const char *)xmlTextReaderConstValue(x->reader);
        if (!text || xmlTextReaderIsNamespaceDecl(x->reader) ||
            strcmp((const char *)xmlTextReaderConstLocalName(x->reader), f->attribute) != 0)
            continue;
        ok = start_value(x, f);
        add_text(f, text, strlen(text));
    }
    xmlTextReaderMoveToElement(x->reader);
    return ok;
}

static bool take_attribute(struct xml *x, struct field *f)
{
    xmlChar *value = xmlTextReaderGetAttribute(x->reader, (const xmlChar *)f->attribute);
    if (!value)
        return take_prefixed(x, f);
    bool ok = start_value(x, f);
    add_text(f, (const char *)value, strlen((const char *)value));
    xmlFree(value);
    return ok;
}

static void emit_row(struct xml *x)
{
    for (int i = 0; i < x->n_fields; i++) {
        struct field *f = &x->fields[i];
        if (f->there && f->n)
            dr_builder_append_bytes(f->column, f->text, (int64_t)f->n);
        else
            dr_builder_append_null(f->column);
    }
    x->rows++;
}

/* ---- elements ---- */

static bool end_element(struct xml *x)
{
    for (int i = 0; i < x->n_fields; i++)
        if (!x->fields[i].attribute && strcmp(x->fields[i].path, x->path) == 0)
            x->fields[i].open = false;
    if (strcmp(x->path, x->row) == 0)
        emit_row(x);
    x->path[x->path_ends[--x->depth]] = 0;
    return true;
}

static bool start_element(struct xml *x)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(x->reader);
    size_t at = strlen(x->path);
    if (x->depth == DEPTH_MAX || at + strlen(name) + 2 > sizeof x->path)
        return complain(x, "elements are nested more than %d deep", DEPTH_MAX);
    bool empty = xmlTextReaderIsEmptyElement(x->reader) == 1;
    x->path_ends[x->depth++] = at;
    snprintf(x->path + at, sizeof x->path - at, "/%s", name);
    if (x->depth == 1 && shared_depth(x->row, x->path) == 0)
        return complain(x, "the document is '%s'; no row '%s' can be in it", x->path, x->row);
    bool on_the_way =
        strncmp(x->row, x->path, strlen(x->path)) == 0 && shared_depth(x->row, x->path) == x->depth;
    for (int i = 0; i < x->n_fields; i++) {
        struct field *f = &x->fields[i];
        if (on_the_way && f->owner == x->depth)
            f->there = false;
        if (strcmp(f->path, x->path) != 0)
            continue;
        if (!(f->attribute ? take_attribute(x, f) : start_value(x, f)))
            return false;
        f->open = !f->attribute;
    }
    return empty ? end_element(x) : true;
}

static bool take_text(struct xml *x)
{
    const char *text = (const char *)xmlTextReaderConstValue(x->reader);
    for (int i = 0; text && i < x->n_fields; i++)
        if (x->fields[i].open && strcmp(x->fields[i].path, x->path) == 0)
            add_text(&x->fields[i], text, strlen(text));
    return true;
}

static bool check_doctype(struct xml *x)
{
    xmlDocPtr doc = xmlTextReaderCurrentDoc(x->reader);
    if (doc && doc->intSubset && doc->intSubset->entities)
        return complain(x, "the document declares entities; they are not expanded, and it is refused");
    if (doc && doc->intSubset && doc->intSubset->attributes)
        return complain(
            x, "the document declares attributes (ATTLIST); they are not filled in, and it is refused");
    return true;
}

static bool take_node(struct xml *x)
{
    switch (xmlTextReaderNodeType(x->reader)) {
    case XML_READER_TYPE_ELEMENT:
        return start_element(x);
    case XML_READER_TYPE_END_ELEMENT:
        return end_element(x);
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA:
        return take_text(x);
    case XML_READER_TYPE_DOCUMENT_TYPE:
        return check_doctype(x);
    case XML_READER_TYPE_ENTITY_REFERENCE:
        return complain(x, "the entity '%s' is not known", xmlTextReaderConstName(x->reader));
    default:
        return true;
    }
}

/* ---- the file ---- */

static int read_some(void *ctx, char *to, int size)
{
    struct xml *x = ctx;
    ssize_t n;
    do
        n = read(x->fd, to, (size_t)size);
    while (n < 0 && errno == EINTR);
    const char *problem = n < 0 ? strerror(errno) : xml_scan(&x->scan, to, (size_t)n);
    if (problem)
        snprintf(x->problem, sizeof x->problem, "%s", problem);
    return problem ? -1 : (int)n;
}

static void on_error(void *ctx, xmlErrorPtr e)
{
    struct xml *x = ctx;
    if (x->problem[0] || e->level < XML_ERR_ERROR)
        return;
    const char *message = e->message ? e->message : "not XML";
    if (strstr(message, "Huge input lookup") || strstr(message, "huge text node"))
        message = "a text, an attribute or a comment is longer than 10 million bytes";
    snprintf(x->problem, sizeof x->problem, "line %d: %s", e->line, message);
    x->problem[strcspn(x->problem, "\n")] = 0;
}

static void read_nodes(struct xml *x)
{
    int more;
    while ((more = xmlTextReaderRead(x->reader)) == 1 && !x->problem[0])
        if (!take_node(x))
            return;
    if (more < 0 && !x->problem[0])
        complain(x, "not XML");
}

static int32_t make_table(struct xml *x, struct dr_table **ret)
{
    const char *names[FIELDS_MAX];
    struct dr_column *columns[FIELDS_MAX];
    for (int i = 0; i < x->n_fields; i++) {
        names[i] = x->fields[i].name;
        columns[i] = dr_builder_finish(x->fields[i].column);
        free(x->fields[i].text);
        free(x->fields[i].path);
    }
    int32_t rc =
        dr_table_new(x->n_fields, names, (const struct dr_column *const *)columns, ret, dr_task_err(x->t));
    for (int i = 0; i < x->n_fields; i++)
        dr_column_unref(columns[i]);
    return rc;
}

static struct xml *new_xml(struct dr_task *t)
{
    struct xml *x = calloc(1, sizeof *x);
    if (!x)
        abort();
    x->t = t;
    return x;
}

static void make_builders(struct xml *x)
{
    for (int i = 0; i < x->n_fields; i++)
        x->fields[i].column = dr_builder_new(DR_TYPE_STRING);
}

int32_t check_xml(struct dr_task *t)
{
    struct xml *x = new_xml(t);
    const char *row = dr_node_str(dr_node_get(dr_task_param(t, "xml"), "row"), "");
    int32_t rc = strstr(row, "${") ? 0 : read_settings(t, x);
    for (int i = 0; i < x->n_fields; i++)
        free(x->fields[i].path);
    free(x->row);
    free(x);
    return rc;
}

int32_t no_xml(struct dr_task *t, struct dr_table **ret)
{
    struct xml *x = new_xml(t);
    DR_TRY(read_settings(t, x));
    make_builders(x);
    int32_t rc = make_table(x, ret);
    free(x->row);
    free(x);
    return rc;
}

int32_t read_xml(struct dr_task *t, const char *path, struct dr_table **ret, struct dr_err *err)
{
    struct xml *x = new_xml(t);
    DR_TRY(read_settings(t, x));
    x->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (x->fd < 0)
        return dr_task_fail(t, "cannot read '%s': %s", path, strerror(errno));
    make_builders(x);
    x->reader = xmlReaderForIO(read_some, NULL, x, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (!x->reader)
        abort();
    xmlTextReaderSetStructuredErrorHandler(x->reader, (xmlStructuredErrorFunc)on_error, x);
    read_nodes(x);
    xmlFreeTextReader(x->reader);
    close(x->fd);
    struct dr_table *table = NULL;
    int32_t rc = make_table(x, &table);
    if (!rc && x->problem[0]) {
        dr_table_unref(table);
        *err = (struct dr_err){ .rc = DR_EINPUT };
        snprintf(err->msg, sizeof err->msg, "%s", x->problem);
        rc = DR_EINPUT;
    } else if (!rc) {
        *ret = table;
    }
    free(x->row);
    free(x);
    return rc;
}
