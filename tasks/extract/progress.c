/* progress.c - the pages of a list that are safe on disk.
 *
 *     STATE/api/pages            first a line with the fingerprint of the settings, then
 *                                a line for each page: rows, count, bytes, hash, URL, next
 *     STATE/api/000001.jsonl     its records, one a line
 *
 * A page's file is complete and synced before its line is added, and the line is one
 * write, so whatever moment a process is killed at, the lines name whole pages. A line
 * without its end, and a file whose size or hash is not as said, end the list there. In `next`,
 * which may be a cursor of any characters, a backslash and the end of a line are \\ and \n. */
#include "extract.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIST_HEAD "dagrun-extract 1"

uint64_t hash_bytes(uint64_t hash, const void *p, size_t n)
{
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

char *progress_rows_path(const struct progress *p, int64_t page)
{
    return text_of("%s/%06lld.jsonl", p->folder, (long long)page + 1);
}

static char *list_path(const struct progress *p)
{
    return text_of("%s/pages", p->folder);
}

/* ---- taking up ---- */

static bool file_is_whole(const struct progress *p, int64_t page, const struct kept_page *k)
{
    char *path = progress_rows_path(p, page), block[1 << 14];
    FILE *in = fopen(path, "re");
    free(path);
    if (!in)
        return false;
    uint64_t hash = HASH_BASIS;
    int64_t bytes = 0;
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0; bytes += (int64_t)n)
        hash = hash_bytes(hash, block, n);
    fclose(in);
    return bytes == k->bytes && hash == k->hash;
}

static void remember(struct progress *p, const struct kept_page *k)
{
    struct kept_page *more = realloc(p->pages, (size_t)(p->n_pages + 1) * sizeof *more);
    if (!more)
        abort();
    p->pages = more;
    p->pages[p->n_pages++] = *k;
}

static char *escaped(const char *s)
{
    char *to = calloc(2, strlen(s) + 1), *p = to;
    if (!to)
        abort();
    for (; *s; s++) {
        if (*s == '\n' || *s == '\\')
            *p++ = '\\';
        *p++ = *s == '\n' ? 'n' : *s;
    }
    return to;
}

static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        bool escape = *s == '\\' && s[1];
        s += escape;
        *to++ = escape && *s == 'n' ? '\n' : *s;
    }
    *to = 0;
}

/* "rows count bytes hash\turl\tnext\n" */
static bool take_line(struct progress *p, const char *line)
{
    struct kept_page k = { 0 };
    const char *url = strchr(line, '\t'), *next = url ? strchr(url + 1, '\t') : NULL,
               *end = next ? strchr(next, '\n') : NULL;
    if (!end || sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNx64, &k.rows, &k.count, &k.bytes,
                       &k.hash) != 4)
        return false;
    if (!file_is_whole(p, p->n_pages, &k))
        return false;
    k.url = strndup(url + 1, (size_t)(next - url - 1));
    k.next = strndup(next + 1, (size_t)(end - next - 1));
    unescape(k.next);
    remember(p, &k);
    return true;
}

/* The length of the list up to its last good line; 0 where it is another list. */
static off_t take_list(struct progress *p, const char *fingerprint)
{
    char *path = list_path(p), *line = NULL;
    size_t size = 0;
    off_t good = 0;
    FILE *in = fopen(path, "re");
    free(path);
    char *head = text_of("%s %s\n", LIST_HEAD, fingerprint);
    ssize_t n = in ? getline(&line, &size, in) : -1;
    if (n > 0 && strcmp(line, head) == 0)
        for (good = n; (n = getline(&line, &size, in)) > 0 && take_line(p, line);)
            good += n;
    if (in)
        fclose(in);
    free(head);
    free(line);
    return good;
}

static int32_t start_list(struct progress *p, const char *fingerprint)
{
    char *head = text_of("%s %s\n", LIST_HEAD, fingerprint);
    ssize_t n = (ssize_t)strlen(head);
    int32_t rc = 0;
    if (write(p->fd, head, (size_t)n) != n)
        rc = dr_task_fail(p->t, "cannot write in '%s': %s", p->folder, strerror(errno));
    free(head);
    return rc;
}

/* Pages of different days may not belong to one list any more. */
static void forget_old(const struct progress *p, int64_t oldest_ms)
{
    struct stat st;
    char *path = list_path(p);
    if (stat(path, &st) == 0 && (time(NULL) - st.st_mtim.tv_sec) * INT64_C(1000) > oldest_ms)
        unlink(path);
    free(path);
}

int32_t progress_open(struct dr_task *t, const char *fingerprint, int64_t oldest_ms, struct progress *ret)
{
    const char *state = dr_task_state_dir(t);
    if (!state)
        return dr_task_err(t)->rc;
    *ret = (struct progress){ .t = t, .folder = text_of("%s/api", state), .fd = -1 };
    if (mkdir(ret->folder, 0700) < 0 && errno != EEXIST)
        return dr_task_fail(t, "cannot make '%s': %s", ret->folder, strerror(errno));
    forget_old(ret, oldest_ms);
    off_t good = take_list(ret, fingerprint);
    char *path = list_path(ret);
    ret->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    free(path);
    if (ret->fd < 0 || ftruncate(ret->fd, good) < 0)
        return dr_task_fail(t, "cannot write in '%s': %s", ret->folder, strerror(errno));
    if (ret->n_pages)
        dr_task_log(t, DR_INFO, "going on after %lld pages of an earlier attempt", (long long)ret->n_pages);
    return good ? 0 : start_list(ret, fingerprint);
}

/* ---- adding ---- */

int32_t progress_add(struct progress *p, const char *url, const struct page *page)
{
    struct kept_page k = { .url = text_of("%s", url),
                           .next = text_of("%s", page->next ? page->next : ""),
                           .rows = page->rows,
                           .count = page->count,
                           .bytes = page->bytes,
                           .hash = page->hash };
    char *next = escaped(k.next);
    char *line = text_of("%" PRId64 " %" PRId64 " %" PRId64 " %" PRIx64 "\t%s\t%s\n", k.rows, k.count,
                         k.bytes, k.hash, k.url, next);
    free(next);
    ssize_t n = (ssize_t)strlen(line);
    bool written = write(p->fd, line, (size_t)n) == n && fdatasync(p->fd) == 0;
    free(line);
    if (!written)
        return dr_task_fail(p->t, "cannot write in '%s': %s", p->folder, strerror(errno));
    remember(p, &k);
    return 0;
}

void progress_forget(struct progress *p)
{
    char *path = list_path(p);
    unlink(path);
    free(path);
    for (int64_t i = 0; i < p->n_pages; i++) {
        path = progress_rows_path(p, i);
        unlink(path);
        free(path);
    }
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    rmdir(p->folder);
}
