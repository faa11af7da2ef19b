/* doc.c - the tape and how it is read; parse.c makes it (see tape.h). */
#include "json/tape.h"

const char *dr_json_kind_name(enum dr_json_kind k)
{
    static const char *const names[] = { "nothing",  "null",     "false",    "true",
                                         "a number", "a string", "an array", "an object" };
    return names[k];
}

struct dr_json_doc *dr_json_doc_new(void)
{
    struct dr_json_doc *d = dr_calloc(1, sizeof *d);
    d->isa = dr_json_best_isa();
    return d;
}

void dr_json_doc_free(struct dr_json_doc *d)
{
    if (!d)
        return;
    dr_json_scan_done(&d->tokens.scan);
    free(d->tape);
    free(d->strings);
    free(d);
}

void dr_json_doc_set_isa(struct dr_json_doc *d, enum dr_json_isa isa)
{
    d->isa = isa;
}

static inline uint64_t entry(struct dr_json_value v)
{
    return v.doc->tape[v.at];
}

/* How many entries the value at `at` takes. */
static inline uint32_t width(const uint64_t *tape, uint32_t at)
{
    uint64_t e = tape[at];
    if (dr_tape_tag(e) == DR_JSON_ARRAY || dr_tape_tag(e) == DR_JSON_OBJECT)
        return (uint32_t)(tape[at + 1] >> 32) - at;
    return dr_tape_tag(e) == DR_TAPE_LONG ? 3 : 1;
}

struct dr_json_value dr_json_root(const struct dr_json_doc *d)
{
    return (struct dr_json_value){ d->n > 0 ? d : NULL, 0 };
}

enum dr_json_kind dr_json_kind(struct dr_json_value v)
{
    if (!v.doc)
        return DR_JSON_ABSENT;
    uint32_t tag = dr_tape_tag(entry(v));
    return tag == DR_TAPE_LONG ? DR_JSON_STRING : (enum dr_json_kind)tag;
}

/* The text of the string whose entry is at `at`. */
static inline struct dr_str string_at(const struct dr_json_doc *d, uint32_t at)
{
    uint64_t e = d->tape[at];
    if (__builtin_expect(dr_tape_tag(e) == DR_JSON_STRING, 1))
        return (struct dr_str){ d->text + dr_tape_offset(e) + 1, dr_tape_length(e) };
    uint64_t place = d->tape[at + 1], size = d->tape[at + 2];
    const char *from = size & DR_TAPE_UNESCAPED ? d->strings : d->text;
    return (struct dr_str){ from + (uint32_t)(place >> 32), (uint32_t)size };
}

struct dr_str dr_json_text(struct dr_json_value v)
{
    switch (dr_json_kind(v)) {
    case DR_JSON_STRING:
        return string_at(v.doc, v.at);
    case DR_JSON_NUMBER:
    case DR_JSON_TRUE:
    case DR_JSON_FALSE:
    case DR_JSON_NULL:
        return (struct dr_str){ v.doc->text + dr_tape_offset(entry(v)), dr_tape_length(entry(v)) };
    default:
        return DR_LIT("");
    }
}

static bool is_container(struct dr_json_value v)
{
    enum dr_json_kind kind = dr_json_kind(v);
    return kind == DR_JSON_ARRAY || kind == DR_JSON_OBJECT;
}

int64_t dr_json_size(struct dr_json_value v)
{
    return is_container(v) ? (int64_t)(uint32_t)v.doc->tape[v.at + 1] : 0;
}

struct dr_json_value dr_json_get(struct dr_json_value object, const char *key, size_t key_n)
{
    if (dr_json_kind(object) != DR_JSON_OBJECT)
        return (struct dr_json_value){ 0 };
    const struct dr_json_doc *d = object.doc;
    uint32_t end = object.at + width(d->tape, object.at) - 1;
    for (uint32_t at = object.at + 2; at < end;) {
        struct dr_str name = string_at(d, at);
        at += width(d->tape, at);
        if (name.n == key_n && memcmp(name.p, key, key_n) == 0)
            return (struct dr_json_value){ d, at };
        at += width(d->tape, at);
    }
    return (struct dr_json_value){ 0 };
}

struct dr_json_iter dr_json_iter(struct dr_json_value container)
{
    struct dr_json_iter it = { 0 };
    if (!is_container(container))
        return it;
    it.value.doc = container.doc;
    it.at = container.at + 2;
    it.end = container.at + width(container.doc->tape, container.at) - 1;
    it.members = dr_json_kind(container) == DR_JSON_OBJECT;
    return it;
}

bool dr_json_iter_next(struct dr_json_iter *it)
{
    if (it->at >= it->end)
        return false;
    const struct dr_json_doc *d = it->value.doc;
    if (it->members) {
        it->key = string_at(d, it->at);
        it->at += width(d->tape, it->at);
    }
    it->value.at = it->at;
    it->at += width(d->tape, it->at);
    return true;
}

size_t dr_json_offset(struct dr_json_value v)
{
    return v.doc ? dr_tape_offset(entry(v)) : 0;
}

size_t dr_json_end(struct dr_json_value v)
{
    if (!v.doc)
        return 0;
    uint64_t e = entry(v);
    switch (dr_tape_tag(e)) {
    case DR_JSON_ARRAY:
    case DR_JSON_OBJECT:
        return (size_t)dr_tape_offset(v.doc->tape[v.at + width(v.doc->tape, v.at) - 1]) + 1;
    case DR_TAPE_LONG:
        return (uint32_t)v.doc->tape[v.at + 1];
    case DR_JSON_STRING:
        return (size_t)dr_tape_offset(e) + dr_tape_length(e) + 2;
    default:
        return (size_t)dr_tape_offset(e) + dr_tape_length(e);
    }
}

struct dr_str dr_json_source(struct dr_json_value v)
{
    if (!v.doc)
        return (struct dr_str){ "", 0 };
    size_t offset = dr_json_offset(v);
    return (struct dr_str){ v.doc->text + offset, dr_json_end(v) - offset };
}

void dr_json_place(const char *text, size_t offset, int64_t *ret_line, int64_t *ret_column)
{
    const char *start = text, *end = text + offset, *lf;
    *ret_line = 1;
    while ((lf = memchr(start, '\n', (size_t)(end - start)))) {
        (*ret_line)++;
        start = lf + 1;
    }
    *ret_column = end - start + 1;
}
