/* http.c - HTTP by libcurl: one call, one answer. Nothing else here includes
 * libcurl's header.
 *
 * libcurl does not follow redirects for us: an Authorization header must not leave the
 * host it is for, and only the caller knows what to do with each. Certificates are
 * always verified. An answer goes straight to its file and is cut off, not
 * buffered, where it is larger than the limit. */
#include "extract.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* An answer that goes to memory is a token's: small. */
enum { MEMORY_MAX = 64 << 10, STALL_SECONDS = 30 };

struct http {
    CURL *curl;
    struct http_limits limits;
    char error[CURL_ERROR_SIZE];
};

int32_t http_open(struct dr_task *t, const struct http_limits *limits, struct http **ret)
{
    struct http *h = calloc(1, sizeof *h);
    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) || !(h->curl = curl_easy_init())) {
        free(h);
        return dr_task_fail(t, "libcurl cannot start");
    }
    h->limits = *limits;
    *ret = h;
    return 0;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    free(h);
    curl_global_cleanup();
}

/* ---- receiving ---- */

struct sink {
    FILE *out;
    int64_t bytes, max;
    bool too_large;
    int failed; /* errno */
};

static size_t receive(char *p, size_t size, size_t n, void *ctx)
{
    struct sink *s = ctx;
    size_t bytes = size * n;
    if (s->bytes + (int64_t)bytes > s->max) {
        s->too_large = true;
        return 0;
    }
    s->bytes += (int64_t)bytes;
    if (fwrite(p, 1, bytes, s->out) == bytes)
        return bytes;
    s->failed = errno ? errno : EIO;
    return 0;
}

static enum http_kind kind_of(CURLcode rc)
{
    switch (rc) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_NOT_BUILT_IN:
        return HTTP_REFUSED;
    default:
        return HTTP_TRY_AGAIN;
    }
}

static void explain(const struct http *h, CURLcode rc, const struct sink *s, struct http_answer *a)
{
    a->kind = kind_of(rc);
    if (s->too_large || rc == CURLE_FILESIZE_EXCEEDED) {
        a->kind = HTTP_REFUSED;
        snprintf(a->problem, sizeof a->problem, "the answer is larger than %lld bytes (limits.answer)",
                 (long long)s->max);
    } else if (s->failed) {
        snprintf(a->problem, sizeof a->problem, "cannot store the answer: %s", strerror(s->failed));
    } else {
        snprintf(a->problem, sizeof a->problem, "%s", h->error[0] ? h->error : curl_easy_strerror(rc));
    }
}

static void read_type(CURL *curl, struct http_answer *a)
{
    const char *type = NULL;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    size_t n = type ? strcspn(type, "; \t") : 0;
    for (size_t i = 0; i < n && i < sizeof a->type - 1; i++)
        a->type[i] = type[i] >= 'A' && type[i] <= 'Z' ? (char)(type[i] | 32) : type[i];
}

static void read_answer(CURL *curl, struct http_answer *a)
{
    curl_off_t wait_s = 0;
    const char *redirect = NULL;
    a->kind = HTTP_ANSWERED;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a->status);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait_s); /* seconds or a date, as seconds */
    a->wait_ms = wait_s < INT32_MAX ? (int64_t)wait_s * 1000 : INT64_MAX / 4;
    a->redirect = redirect ? text_of("%s", redirect) : NULL;
    read_type(curl, a);
}

/* ---- sending ---- */

static void set_limits(struct http *h)
{
    CURL *c = h->curl;
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->limits.connect_ms);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)h->limits.request_ms);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L); /* bytes a second */
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)h->limits.answer_bytes);
}

static void set_call(struct http *h, const struct http_call *call, struct curl_slist *headers,
                     struct sink *sink)
{
    CURL *c = h->curl;
    curl_easy_reset(c); /* keeps the connections */
    curl_easy_setopt(c, CURLOPT_URL, call->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    if (h->limits.ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, h->limits.ca_file);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "dagrun-extract");
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl can undo */
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (call->body)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, call->body);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, sink);
    set_limits(h);
}

static struct curl_slist *header_list(const char *const *headers)
{
    struct curl_slist *list = NULL;
    for (; headers && *headers; headers++)
        list = curl_slist_append(list, *headers);
    return list;
}

void http_send(struct http *h, const struct http_call *call, struct http_answer *ret)
{
    char *memory = NULL;
    size_t memory_bytes = 0;
    struct sink sink = { .max = call->path ? h->limits.answer_bytes : MEMORY_MAX };
    *ret = (struct http_answer){ .kind = HTTP_TRY_AGAIN, .url = call->url };
    sink.out = call->path ? fopen(call->path, "we") : open_memstream(&memory, &memory_bytes);
    if (!sink.out) {
        snprintf(ret->problem, sizeof ret->problem, "cannot store the answer: %s", strerror(errno));
        return;
    }
    struct curl_slist *headers = header_list(call->headers);
    h->error[0] = 0;
    set_call(h, call, headers, &sink);
    CURLcode rc = curl_easy_perform(h->curl);
    curl_slist_free_all(headers);
    if (fclose(sink.out) && !sink.failed)
        sink.failed = errno;
    if (rc || sink.failed)
        explain(h, rc, &sink, ret);
    else
        read_answer(h->curl, ret);
    ret->bytes = sink.bytes;
    ret->body = memory;
}

void http_answer_done(struct http_answer *a)
{
    if (a->body)
        explicit_bzero(a->body, strlen(a->body)); /* it may hold a token */
    free(a->body);
    free(a->redirect);
    *a = (struct http_answer){ 0 };
}

/* ---- URLs ---- */

static CURLU *parse_url(const char *url)
{
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
        return u;
    curl_url_cleanup(u);
    return NULL;
}

/* A part of a URL, owned; "" where it has none. */
static char *part_of(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(u, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) != CURLUE_OK)
        return text_of("%s", "");
    char *copy = text_of("%s", text);
    curl_free(text);
    return copy;
}

/* Query parameters that hold secrets by their names; a "page_token" is none. */
static bool is_secret_name(const char *name, size_t n)
{
    static const char *const names[] = { "token",         "access_token", "auth",     "authorization",
                                         "api_key",       "apikey",       "password", "passwd",
                                         "pwd",           "secret",       "key",      "client_secret",
                                         "refresh_token", "signature",    NULL };
    for (int i = 0; names[i]; i++)
        if (strlen(names[i]) == n && strncasecmp(names[i], name, n) == 0)
            return true;
    return false;
}

static bool has_secret_parameter(const char *query)
{
    while (*query) {
        size_t n = strcspn(query, "&");
        if (is_secret_name(query, strcspn(query, "=&")))
            return true;
        query += n + (query[n] == '&');
    }
    return false;
}

const char *url_problem(const char *url, bool ours)
{
    CURLU *u = parse_url(url);
    if (!u)
        return "is not a URL";
    char *scheme = part_of(u, CURLUPART_SCHEME), *user = part_of(u, CURLUPART_USER),
         *password = part_of(u, CURLUPART_PASSWORD), *query = part_of(u, CURLUPART_QUERY);
    const char *problem = NULL;
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        problem = "is neither http nor https";
    else if (*user || *password)
        problem = "holds a user or a password; they belong into auth";
    else if (ours && has_secret_parameter(query))
        problem = "holds a secret in its query, where logs of servers and proxies would show it";
    free(scheme);
    free(user);
    free(password);
    free(query);
    curl_url_cleanup(u);
    return problem;
}

bool url_same_origin(const char *a, const char *b)
{
    static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
    CURLU *ua = parse_url(a), *ub = parse_url(b);
    bool same = ua && ub;
    for (size_t i = 0; same && i < sizeof parts / sizeof parts[0]; i++) {
        char *pa = part_of(ua, parts[i]), *pb = part_of(ub, parts[i]);
        same = strcasecmp(pa, pb) == 0;
        free(pa);
        free(pb);
    }
    curl_url_cleanup(ua);
    curl_url_cleanup(ub);
    return same;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

bool url_is_exposed(const char *url)
{
    CURLU *u = parse_url(url);
    if (!u)
        return true;
    char *scheme = part_of(u, CURLUPART_SCHEME), *host = part_of(u, CURLUPART_HOST);
    bool here = strcmp(host, "localhost") == 0 || is_loopback(host) || strcmp(host, "[::1]") == 0;
    bool exposed = strcmp(scheme, "https") != 0 && !here;
    free(scheme);
    free(host);
    curl_url_cleanup(u);
    return exposed;
}

char *url_resolve(const char *from, const char *to)
{
    CURLU *u = parse_url(from);
    char *text = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, to, 0) == CURLUE_OK)
        text = part_of(u, CURLUPART_URL);
    curl_url_cleanup(u);
    return text;
}

char *url_with(const char *url, const char *name, const char *value)
{
    CURLU *u = parse_url(url);
    if (!u)
        return NULL;
    char *query = part_of(u, CURLUPART_QUERY), *kept = text_of("%s", ""), *text = NULL;
    for (char *p = query; *p;) { /* all parameters but `name` */
        size_t n = strcspn(p, "&");
        if (n && !(strcspn(p, "=&") == strlen(name) && strncmp(p, name, strlen(name)) == 0)) {
            char *longer = text_of("%s%s%.*s", kept, *kept ? "&" : "", (int)n, p);
            free(kept);
            kept = longer;
        }
        p += n + (p[n] == '&');
    }
    char *pair = text_of("%s=%s", name, value);
    if (curl_url_set(u, CURLUPART_QUERY, *kept ? kept : NULL, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK)
        text = part_of(u, CURLUPART_URL);
    free(pair);
    free(kept);
    free(query);
    curl_url_cleanup(u);
    return text;
}

static char *masked_query(const char *query)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    while (*query) {
        size_t n = strcspn(query, "&"), name = strcspn(query, "=&");
        if (is_secret_name(query, name))
            fprintf(out, "%.*s=***", (int)name, query);
        else
            fprintf(out, "%.*s", (int)n, query);
        query += n;
        if (*query == '&')
            fputc(*query++, out);
    }
    fclose(out);
    return text;
}

char *url_shown(const char *url)
{
    CURLU *u = parse_url(url);
    if (!u)
        return text_of("(not a URL)");
    char *query = part_of(u, CURLUPART_QUERY), *masked = masked_query(query);
    curl_url_set(u, CURLUPART_USER, NULL, 0);
    curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    curl_url_set(u, CURLUPART_QUERY, *masked ? masked : NULL, 0);
    char *text = part_of(u, CURLUPART_URL);
    free(query);
    free(masked);
    curl_url_cleanup(u);
    return text;
}
