/* pages.c - a list that an API gives page by page.
 *
 * Where the next page is: a link in the answer, a page number, or a cursor from the
 * answer that goes into the query. Each page is on disk before the next one is asked for.
 *
 * What a server may do to a reader, and what is done about it:
 *
 *     the next link leads back to a page that was read   asked again, then the task fails,
 *                                                        and the next attempt begins anew
 *     a page holds what an earlier one held              asked again; then taken where a count
 *                                                        will tell whether one was lost
 *     behind the last numbered page comes the last one   the end, once as many rows as the count have come
 *     the list never ends                                limits.pages, limits.total
 *     rows come twice, in another order                  rows.c: one row for each key
 *     the count is not the number of rows                rows.c
 */
#include "extract.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAME_PAGE_PATIENCE = 3 };

struct api {
    struct settings settings;
    struct fetcher fetcher;
    struct answer_paths paths;
    const char *number, *cursor; /* query parameters; both NULL: by links */
    int64_t first, max_pages, oldest_ms;
    struct progress *progress;
};

/* ---- settings ---- */

static int32_t read_paging(struct api *a)
{
    struct settings s;
    const char *next = NULL;
    DR_TRY(settings_below(&a->settings, "pages", "link|number|first|cursor|next", &s));
    int ways = settings_has(&s, "link") + settings_has(&s, "number") + settings_has(&s, "cursor");
    if (ways > 1)
        return settings_refuse(&s, NULL, "give one of link, number, cursor");
    DR_TRY(settings_text(&s, "number", NULL, &a->number));
    DR_TRY(settings_text(&s, "cursor", NULL, &a->cursor));
    DR_TRY(settings_count(&s, "first", 0, 1000000, 1, &a->first));
    if (a->cursor)
        DR_TRY(settings_text(&s, "next", REQUIRED_TEXT, &next));
    else
        DR_TRY(settings_text(&s, "link", NULL, &next));
    return next ? json_path(&s, a->cursor ? "next" : "link", next, &a->paths.next) : 0;
}

static int32_t read_settings(struct dr_task *t, struct api *a)
{
    struct settings limits;
    const char *records, *count;
    DR_TRY(settings_of_task(
        t, "api",
        "url|headers|auth|allow_plain_http|ca_file|pages|records|count|key|conflicts|count_mismatch|limits",
        &a->settings));
    DR_TRY(fetch_open(&a->settings, &a->fetcher));
    DR_TRY(settings_below(&a->settings, "limits", NULL, &limits));
    DR_TRY(settings_count(&limits, "pages", 1, 100000000, 100000, &a->max_pages));
    DR_TRY(settings_ms(&limits, "keep_pages", 6 * 3600 * 1000, &a->oldest_ms));
    DR_TRY(settings_text(&a->settings, "records", "$", &records));
    DR_TRY(settings_text(&a->settings, "count", NULL, &count));
    DR_TRY(json_path(&a->settings, "records", records, &a->paths.records));
    if (count)
        DR_TRY(json_path(&a->settings, "count", count, &a->paths.count));
    return read_paging(a);
}

/* What must be the same for pages of an earlier attempt to be of use. */
static char *fingerprint(const struct api *a)
{
    char *text = text_of("%s\n%s\n%s\n%s\n%s\n%s\n%lld", a->fetcher.origin, a->paths.records,
                         a->paths.count ? a->paths.count : "", a->paths.next ? a->paths.next : "",
                         a->number ? a->number : "", a->cursor ? a->cursor : "", (long long)a->first);
    uint64_t hash = hash_bytes(HASH_BASIS, text, strlen(text));
    for (int i = 0; i < a->fetcher.n_headers; i++)
        hash = hash_bytes(hash, a->fetcher.headers[i], strlen(a->fetcher.headers[i]) + 1);
    char *hex = text_of("%016llx", (unsigned long long)hash);
    free(text);
    return hex;
}

/* ---- where a page is ---- */

static bool was_read(const struct progress *p, const char *url)
{
    for (int64_t i = 0; i < p->n_pages; i++)
        if (strcmp(p->pages[i].url, url) == 0)
            return true;
    return false;
}

/* The page that the link or cursor `next` of the page at `from` leads to; NULL where it leads
 * nowhere. Owned. */
static char *page_after(const struct api *a, const char *from, const char *next)
{
    return a->cursor ? url_with(a->fetcher.origin, a->cursor, next) : url_resolve(from, next);
}

/* The URL of the page to be read now; NULL after the last one. Owned. */
static int32_t next_url(struct api *a, char **ret)
{
    const struct progress *p = a->progress;
    const struct kept_page *last = p->n_pages ? &p->pages[p->n_pages - 1] : NULL;
    *ret = NULL;
    if (a->number) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)(a->first + p->n_pages));
        if (!last || last->rows > 0)
            *ret = url_with(a->fetcher.origin, a->number, number);
        return 0;
    }
    if (last && !last->next[0])
        return 0;
    *ret = last ? page_after(a, last->url, last->next) : text_of("%s", a->fetcher.origin);
    return *ret ? 0 : fetch_fail(&a->fetcher, true, "%s: its next link is not a URL", url_shown(last->url));
}

/* ---- reading one ---- */

struct reading {
    struct api *api;
    const char *url, *file, *rows; /* the answer; its records */
    struct page page;
    int same;    /* times that it held what an earlier page held */
    bool over;   /* it is the last page once more: there is none behind that */
    bool misled; /* the last answer did not fit the pages before it */
};

static int64_t rows_so_far(const struct progress *p)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < p->n_pages; i++)
        rows += p->pages[i].rows;
    return rows;
}

static int64_t page_like(const struct progress *p, const struct page *page)
{
    for (int64_t i = 0; page->rows && i < p->n_pages; i++)
        if (p->pages[i].hash == page->hash && p->pages[i].rows == page->rows)
            return i + 1;
    return 0;
}

/* A link is seen from where the answer came from, which a redirect may have changed, and is kept whole. */
static const char *check_link(const struct reading *r, const char *from, struct page *page)
{
    const struct api *a = r->api;
    char *url = page_after(a, from, page->next);
    const char *problem = url ? url_problem(url, false) : "is not a URL", *what = NULL;
    if (problem)
        snprintf(page->problem, sizeof page->problem, "its next link %s", problem), what = page->problem;
    else if (!url_same_origin(a->fetcher.origin, url))
        what = "its next link leads to another host; it is not followed";
    else if (strcmp(url, r->url) == 0 || was_read(a->progress, url))
        what = "its next link leads back to a page that was read: the list goes round";
    if (!what && !a->cursor) {
        free(page->next);
        page->next = url;
        return NULL;
    }
    free(url);
    return what;
}

static const char *accept_page(void *ctx, const struct http_answer *answer)
{
    struct reading *r = ctx;
    free(r->page.next);
    r->misled = false;
    const char *problem = answer_split(r->file, r->rows, &r->api->paths, &r->page);
    if (problem)
        return problem;
    r->misled = true;
    problem = r->page.next ? check_link(r, answer->url, &r->page) : NULL;
    if (problem)
        return problem;
    int64_t like = page_like(r->api->progress, &r->page);
    bool will_tell = r->page.count >= 0;
    r->over = like && r->api->number && like == r->api->progress->n_pages && will_tell &&
              rows_so_far(r->api->progress) >= r->page.count;
    if (r->over)
        return NULL;
    if (!like || (will_tell && (++r->same >= SAME_PAGE_PATIENCE || r->same > r->api->fetcher.retries)))
        return NULL;
    snprintf(r->page.problem, sizeof r->page.problem, "it holds what page %lld held", (long long)like);
    return r->page.problem;
}

/* DRF and others answer 404 after the last numbered page. Only after one that was full of
 * rows, and where a count will tell, can it be taken for the end. */
static int32_t past_the_end(struct api *a, const char *url)
{
    const struct progress *p = a->progress;
    if (p->n_pages == 0 || p->pages[p->n_pages - 1].count < 0)
        return fetch_fail(&a->fetcher, true, "%s: status 404%s", url_shown(url),
                          p->n_pages ? "; without api.count nothing proves that the list ends there" : "");
    return 0;
}

static int32_t read_page(struct api *a, const char *url, bool *ret_end)
{
    struct progress *p = a->progress;
    char *file = text_of("%s/answer", p->folder), *rows = progress_rows_path(p, p->n_pages);
    struct reading r = { .api = a, .url = url, .file = file, .rows = rows };
    long status = 0;
    int32_t rc = fetch_get(&a->fetcher, url, file, accept_page, &r, a->number ? &status : NULL);
    unlink(file);
    if (!rc && status == 404) {
        *ret_end = true;
        rc = past_the_end(a, url);
    } else if (!rc && r.over) {
        *ret_end = true;
        unlink(rows);
    } else if (!rc) {
        rc = progress_add(p, url, &r.page);
    } else if (r.misled) {
        progress_forget(p); /* which of the pages was wrong cannot be known */
    }
    free(r.page.next);
    free(file);
    free(rows);
    return rc;
}

static int32_t read_pages(struct api *a)
{
    struct progress *p = a->progress;
    for (bool end = false; !end;) {
        char *url;
        DR_TRY(next_url(a, &url));
        if (!url || (!a->paths.next && !a->number && p->n_pages))
            return 0;
        if (p->n_pages >= a->max_pages)
            return fetch_fail(&a->fetcher, true, "%s: the list has more than %lld pages (limits.pages)",
                              url_shown(url), (long long)a->max_pages);
        int32_t rc = read_page(a, url, &end);
        free(url);
        if (rc)
            return rc;
        int64_t count = p->n_pages ? p->pages[p->n_pages - 1].count : 0;
        dr_task_progress(a->settings.t, rows_so_far(p), count > 0 ? count : 0);
    }
    return 0;
}

/* ---- all of them ---- */

static int32_t join_files(struct dr_task *t, const struct progress *p, const char *path)
{
    FILE *out = fopen(path, "we");
    bool failed = !out;
    for (int64_t i = 0; i < p->n_pages && !failed; i++) {
        char *rows = progress_rows_path(p, i), block[1 << 16];
        FILE *in = fopen(rows, "re");
        free(rows);
        failed = !in;
        for (size_t n; in && (n = fread(block, 1, sizeof block, in)) > 0;)
            failed |= fwrite(block, 1, n, out) != n;
        failed |= in && ferror(in);
        if (in)
            fclose(in);
    }
    if ((out && fclose(out)) || failed)
        return dr_task_fail(t, "cannot put the pages together in '%s': %s", path, strerror(errno));
    return 0;
}

/* What rows.c is to hold against the rows. */
static int32_t read_expectations(const struct settings *s, struct extracted *ret)
{
    const char *mismatch;
    ret->key = dr_node_get(s->map, "key");
    if (settings_has(s, "key") && dr_node_kind(ret->key) != DR_NODE_LIST)
        return settings_refuse(s, "key", "must be a list of columns");
    DR_TRY(settings_text(s, "conflicts", "fail", &ret->conflicts));
    if (!is_in_list("fail|keep|first|last", ret->conflicts))
        return settings_refuse(s, "conflicts", "must be fail, keep, first or last");
    DR_TRY(settings_text(s, "count_mismatch", "fail", &mismatch));
    if (!is_in_list("fail|warn", mismatch))
        return settings_refuse(s, "count_mismatch", "must be fail or warn");
    ret->may_differ = strcmp(mismatch, "warn") == 0;
    return 0;
}

/* "PATH:3:7: what" is about a file that nobody knows: what remains is "record 3: what". */
static char *strip_path(const char *msg)
{
    const char *at = strstr(msg, "rows.jsonl:");
    char *end = NULL;
    long long line = at ? strtoll(at + strlen("rows.jsonl:"), &end, 10) : 0;
    const char *what = end ? strstr(end, ": ") : NULL;
    return what ? text_of("record %lld: %s", line, what + 2) : text_of("%s", msg);
}

int32_t extract_api(struct dr_task *t, struct extracted *ret)
{
    static struct progress progress; /* rows.c may yet reject what it holds */
    struct api a = { .progress = &progress };
    DR_TRY(read_settings(t, &a));
    DR_TRY(read_expectations(&a.settings, ret));
    DR_TRY(progress_open(t, fingerprint(&a), a.oldest_ms, &progress));
    int32_t rc = read_pages(&a);
    fetch_close(&a.fetcher);
    if (rc)
        return rc;
    char *path = text_of("%s/rows.jsonl", dr_task_info(t)->work_dir);
    DR_TRY(join_files(t, &progress, path));
    struct dr_err err = { 0 };
    if (read_json(t, path, DR_JSON_LINES, ret, &err))
        return err.rc ? dr_task_fail_final(t, "%s: %s", url_shown(a.fetcher.origin), strip_path(err.msg))
                      : DR_EDEF;
    unlink(path);
    free(path);
    int64_t n = progress.n_pages;
    dr_task_metric(t, "pages", (double)n);
    dr_task_log(t, DR_INFO, "%lld records on %lld pages of %s", (long long)dr_table_rows(ret->table),
                (long long)n, url_shown(a.fetcher.origin));
    ret->declared = n ? progress.pages[n - 1].count : -1;
    ret->counted_by = a.fetcher.origin;
    ret->progress = &progress;
    return 0;
}
