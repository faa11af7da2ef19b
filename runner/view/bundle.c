/* bundle.c - entries, fullUrls, references. */
#include "view/bundle.h"
#include "base/hash.h"

struct dr_bundle {
    struct dr_bundle_entry *entries; /* owned */
    size_t n, cap;
    struct dr_map by_url; /* fullUrl to entry; keys borrowed from the document */
};

struct dr_bundle *dr_bundle_new(void)
{
    return dr_calloc(1, sizeof(struct dr_bundle));
}

void dr_bundle_free(struct dr_bundle *b)
{
    if (!b)
        return;
    dr_map_done(&b->by_url);
    free(b->entries);
    free(b);
}

static struct dr_str text_of(struct dr_json_value object, const char *key)
{
    struct dr_json_value v = dr_json_get(object, key, strlen(key));
    return dr_json_kind(v) == DR_JSON_STRING ? dr_json_text(v) : (struct dr_str){ "", 0 };
}

static struct dr_str after_last(struct dr_str s, char c)
{
    const char *p = s.n ? memrchr(s.p, c, s.n) : NULL;
    return p ? (struct dr_str){ p + 1, (size_t)(s.p + s.n - p - 1) } : s;
}

/* The last part of urn:uuid:X or http://host/Patient/X. */
static struct dr_str url_key(struct dr_str url)
{
    return after_last(after_last(url, ':'), '/');
}

static void add(struct dr_bundle *b, struct dr_json_value resource, struct dr_str url)
{
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 64;
        b->entries = dr_realloc(b->entries, b->cap * sizeof *b->entries);
    }
    struct dr_bundle_entry *e = &b->entries[b->n++];
    *e = (struct dr_bundle_entry){ .resource = resource, .type = text_of(resource, "resourceType") };
    if (dr_json_kind(resource) != DR_JSON_OBJECT) {
        e->problem = DR_LIT("the entry has no resource");
        return;
    }
    e->key = text_of(resource, "id");
    if (!e->key.n)
        e->key = url_key(url);
    if (!e->type.n)
        e->problem = DR_LIT("the resource has no resourceType");
    else if (!e->key.n)
        e->problem = DR_LIT("the resource has neither an id nor a fullUrl");
    if (url.n)
        *dr_map_put(&b->by_url, url, NULL) = (int64_t)b->n - 1;
}

int32_t dr_bundle_read(struct dr_bundle *b, struct dr_json_value root, struct dr_err *err)
{
    static const struct dr_str none = { "", 0 };
    struct dr_json_value entries = dr_json_get(root, "entry", 5);
    b->n = 0;
    dr_map_done(&b->by_url);
    b->by_url = (struct dr_map){ 0 };
    if (dr_json_kind(root) != DR_JSON_OBJECT)
        return dr_fail(err, DR_EINPUT, "a FHIR resource is a JSON object, and this is none");
    if (!dr_str_eq(text_of(root, "resourceType"), DR_LIT("Bundle"))) {
        add(b, root, none);
        return b->entries[0].type.n
                   ? DR_OK
                   : dr_fail(err, DR_EINPUT, "the object has no resourceType, so it is no FHIR resource");
    }
    if (dr_json_kind(entries) != DR_JSON_ABSENT && dr_json_kind(entries) != DR_JSON_ARRAY)
        return dr_fail(err, DR_EINPUT, "the Bundle's entry is no list");
    struct dr_json_iter it = dr_json_iter(entries);
    while (dr_json_iter_next(&it))
        add(b, dr_json_get(it.value, "resource", 8), text_of(it.value, "fullUrl"));
    return DR_OK;
}

size_t dr_bundle_size(const struct dr_bundle *b)
{
    return b->n;
}

const struct dr_bundle_entry *dr_bundle_at(const struct dr_bundle *b, size_t i)
{
    return &b->entries[i];
}

/* ---- references ---- */

static bool read_contained(struct dr_json_value resource, struct dr_str resource_type, struct dr_str id,
                           struct dr_reference *ret)
{
    ret->contained = true;
    ret->key = id;
    if (!id.n) { /* "#": the resource that contains this one */
        ret->self = true;
        ret->type = resource_type;
        return true;
    }
    struct dr_json_iter it = dr_json_iter(dr_json_get(resource, "contained", 9));
    while (dr_json_iter_next(&it))
        if (dr_str_eq(text_of(it.value, "id"), id)) {
            ret->type = text_of(it.value, "resourceType");
            return true;
        }
    return false;
}

static bool is_type_name(struct dr_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (i && s.p[i] >= 'a' && s.p[i] <= 'z')))
            return false;
    return s.n > 0;
}

/* [base/]Patient/1[/_history/2]. */
static bool read_literal(struct dr_str url, struct dr_reference *ret)
{
    const char *version = memmem(url.p, url.n, "/_history/", 10);
    if (version)
        url.n = (size_t)(version - url.p);
    ret->key = after_last(url, '/');
    if (ret->key.n == url.n || !ret->key.n)
        return false;
    ret->type = after_last((struct dr_str){ url.p, url.n - ret->key.n - 1 }, '/');
    return is_type_name(ret->type);
}

static bool read_logical(struct dr_json_value reference, struct dr_reference *ret)
{
    struct dr_json_value identifier = dr_json_get(reference, "identifier", 10);
    ret->type = text_of(reference, "type");
    ret->system = text_of(identifier, "system");
    ret->value = text_of(identifier, "value");
    ret->logical = true;
    return ret->type.n && ret->value.n;
}

static bool read_url(const struct dr_bundle *b, struct dr_str url, struct dr_json_value reference,
                     struct dr_reference *ret)
{
    const int64_t *entry = b ? dr_map_get(&b->by_url, url) : NULL;
    const char *query = memchr(url.p, '?', url.n);
    if (entry) {
        ret->type = b->entries[*entry].type;
        ret->key = b->entries[*entry].key;
        return ret->key.n > 0;
    }
    if (query) {
        ret->key = url;
        ret->type = after_last((struct dr_str){ url.p, (size_t)(query - url.p) }, '/');
        return is_type_name(ret->type);
    }
    if (dr_str_starts(url, DR_LIT("urn:"))) {
        ret->key = after_last(url, ':');
        ret->type = text_of(reference, "type");
        return ret->key.n > 0;
    }
    return read_literal(url, ret);
}

bool dr_reference_read(const struct dr_bundle *b, struct dr_json_value resource, struct dr_str resource_type,
                       struct dr_json_value reference, struct dr_reference *ret)
{
    struct dr_str url = text_of(reference, "reference");
    *ret = (struct dr_reference){ 0 };
    if (!url.n)
        return read_logical(reference, ret);
    if (url.p[0] == '#')
        return read_contained(resource, resource_type, (struct dr_str){ url.p + 1, url.n - 1 }, ret);
    return read_url(b, url, reference, ret);
}
