/* fetch.c - one request, made until it is answered.
 *
 *     wait for the rate limit -> send -> 200, and the body will do: done
 *                                     -> 401: a new token, once a request
 *                                     -> 3xx: follow it, on the same host
 *                                     -> 429, 408, 425, 5xx, connection lost, body that will not
 *                                        do: wait (as the server asks, else longer each
 *                                        time, with a random part) and send again
 *                                     -> other 4xx: no repetition will help
 *
 * Each wait is between half of and the whole of its bound, so that clients that were
 * turned away together do not come back together. */
#include "extract.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

enum { REDIRECTS_MAX = 5, SECRET_SHORTEST = 4, GIVEN_HEADERS_MAX = 32 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(int64_t ms)
{
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (ms > 0 && nanosleep(&left, &left))
        ;
}

/* ---- what may be said ---- */

void fetch_keep_secret(struct fetcher *f, const char *secret)
{
    if (strlen(secret) < SECRET_SHORTEST) /* masking it would mask half of every message */
        return;
    int slot = f->n_secrets < SECRETS_MAX ? f->n_secrets++ : SECRETS_MAX - 1;
    f->secrets[slot] = text_of("%s", secret);
}

static void mask(char *text, const char *secret)
{
    size_t n = strlen(secret);
    for (char *p; (p = strstr(text, secret));) {
        memcpy(p, "***", 3);
        memmove(p + 3, p + n, strlen(p + n) + 1);
    }
}

static int longest_first(const void *a, const void *b)
{
    size_t x = strlen(*(const char *const *)a), y = strlen(*(const char *const *)b);
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Servers repeat what they were sent, and libraries what they received. The longest first: a token
 * may begin with the name that it is for. */
static void mask_secrets(const struct fetcher *f, char *text)
{
    const char *secrets[SECRETS_MAX];
    memcpy(secrets, f->secrets, sizeof secrets);
    qsort(secrets, (size_t)f->n_secrets, sizeof *secrets, longest_first);
    for (int i = 0; i < f->n_secrets; i++)
        mask(text, secrets[i]);
}

static void log_masked(const struct fetcher *f, int32_t level, char *line)
{
    mask_secrets(f, line);
    dr_task_log(f->t, level, "%s", line);
    free(line);
}

int32_t fetch_fail(struct fetcher *f, bool final, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = text_of_args(fmt, ap);
    va_end(ap);
    mask_secrets(f, text);
    int32_t rc = final ? dr_task_fail_final(f->t, "%s", text) : dr_task_fail(f->t, "%s", text);
    free(text);
    return rc;
}

/* ---- opening ---- */

static int32_t read_limits(const struct settings *api, struct fetcher *f)
{
    struct settings s;
    DR_TRY(settings_below(api, "limits",
                          "connect|request|total|answer|retries|retry_wait|longest_wait|"
                          "requests_per_second|pages|keep_pages",
                          &s));
    DR_TRY(settings_ms(&s, "connect", 10000, &f->limits.connect_ms));
    DR_TRY(settings_ms(&s, "request", 120000, &f->limits.request_ms));
    DR_TRY(settings_ms(&s, "total", 3600000, &f->total_ms));
    DR_TRY(settings_bytes(&s, "answer", 64 << 20, &f->limits.answer_bytes));
    DR_TRY(settings_count(&s, "retries", 0, 100, 5, &f->retries));
    DR_TRY(settings_ms(&s, "retry_wait", 500, &f->wait_ms));
    DR_TRY(settings_ms(&s, "longest_wait", 60000, &f->longest_wait_ms));
    return settings_share(&s, "requests_per_second", 0.001, 10000, 10, &f->per_second);
}

static int32_t read_headers(const struct settings *api, struct fetcher *f)
{
    struct settings s;
    DR_TRY(settings_below(api, "headers", NULL, &s));
    for (int64_t i = 0; i < dr_node_size(s.map); i++) {
        const char *name = dr_node_key(s.map, i), *value;
        DR_TRY(settings_text(&s, name, REQUIRED_TEXT, &value));
        if (f->n_headers == GIVEN_HEADERS_MAX)
            return settings_refuse(&s, NULL, "more than %d headers", GIVEN_HEADERS_MAX);
        if (strcasecmp(name, "Authorization") == 0 || strcasecmp(name, "Cookie") == 0)
            return settings_refuse(&s, name, "is made from auth, which keeps secrets out of this file");
        if (strpbrk(name, ": \t\r\n") || strpbrk(value, "\r\n"))
            return settings_refuse(&s, name, "is not a header of one line");
        f->headers[f->n_headers++] = text_of("%s: %s", name, value);
    }
    return 0;
}

static int32_t read_origin(const struct settings *api, struct fetcher *f)
{
    DR_TRY(settings_text(api, "url", REQUIRED_TEXT, &f->origin));
    const char *problem = url_problem(f->origin, true);
    if (problem)
        return settings_refuse(api, "url", "'%s' %s", url_shown(f->origin), problem);
    DR_TRY(auth_read(api, &f->auth));
    const char *ca;
    DR_TRY(settings_text(api, "ca_file", NULL, &ca));
    f->limits.ca_file = ca ? home_path(api->t, ca) : NULL;
    bool plain = dr_node_bool(dr_node_get(api->map, "allow_plain_http"), 0);
    const char *token_url = f->auth.kind == AUTH_TOKEN ? f->auth.token.url : f->origin;
    if (f->auth.kind != AUTH_NONE && !plain && (url_is_exposed(f->origin) || url_is_exposed(token_url)))
        return settings_refuse(api, "url",
                               "credentials would cross the network in the clear; use https, or "
                               "say allow_plain_http: true");
    return 0;
}

int32_t fetch_open(const struct settings *api, struct fetcher *ret)
{
    *ret = (struct fetcher){ .t = api->t, .began_ms = now_ms() };
    DR_TRY(read_limits(api, ret));
    DR_TRY(read_headers(api, ret));
    DR_TRY(read_origin(api, ret));
    if (ret->auth.username)
        fetch_keep_secret(ret, ret->auth.username);
    if (ret->auth.password)
        fetch_keep_secret(ret, ret->auth.password);
    if (ret->auth.bearer)
        fetch_keep_secret(ret, ret->auth.bearer);
    if (getrandom(&ret->random, sizeof ret->random, GRND_NONBLOCK) < 0)
        ret->random = (uint64_t)now_ms();
    return http_open(api->t, &ret->limits, &ret->http);
}

void fetch_close(struct fetcher *f)
{
    dr_task_metric(f->t, "requests", (double)f->n_requests);
    dr_task_metric(f->t, "requests_repeated", (double)f->n_retried);
    dr_task_metric(f->t, "tokens_renewed", (double)f->n_renewed);
    http_close(f->http);
}

/* ---- waiting ---- */

/* xorshift64*: only spreads waits. */
static double random_share(struct fetcher *f)
{
    f->random |= 1;
    f->random ^= f->random >> 12;
    f->random ^= f->random << 25;
    f->random ^= f->random >> 27;
    return (double)((f->random * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static int32_t pause_for(struct fetcher *f, int64_t ms, const char *url)
{
    if (now_ms() + ms - f->began_ms > f->total_ms)
        return fetch_fail(f, false, "%s: all requests together may take %lld s (limits.total), which is over",
                          url_shown(url), (long long)f->total_ms / 1000);
    sleep_ms(ms);
    return 0;
}

static int32_t wait_turn(struct fetcher *f, const char *url)
{
    int64_t now = now_ms();
    DR_TRY(pause_for(f, f->next_ms > now ? f->next_ms - now : 0, url));
    f->next_ms = now_ms() + (int64_t)(1000.0 / f->per_second);
    return 0;
}

/* Bounds double: wait, 2 wait, 4 wait ... up to the longest wait. */
static int32_t wait_to_repeat(struct fetcher *f, const char *url, int64_t failed, int64_t asked_ms)
{
    if (asked_ms > f->longest_wait_ms)
        return fetch_fail(f, false, "%s: the server asks to wait %lld s, longer than limits.longest_wait",
                          url_shown(url), (long long)asked_ms / 1000);
    int64_t bound = f->wait_ms;
    for (int64_t i = 1; i < failed && bound < f->longest_wait_ms; i++)
        bound *= 2;
    if (bound > f->longest_wait_ms)
        bound = f->longest_wait_ms;
    int64_t ms = (int64_t)((double)bound * (0.5 + 0.5 * random_share(f)));
    return pause_for(f, asked_ms > ms ? asked_ms : ms, url);
}

/* ---- one request ---- */

enum verdict { DONE, REPEAT, RENEW, FOLLOW, GIVE_UP };

struct request {
    struct http_call call;
    fetch_accept accept;
    void *ctx;
    bool wants_404; /* an answer too: the end of a list of numbered pages */
    const char *problem;
    char status_text[64];
    int64_t failed;
    int redirects;
    bool renewed;
};

static bool is_json(const char *type)
{
    size_t n = strlen(type);
    return strcmp(type, "application/json") == 0 || (n > 5 && strcmp(type + n - 5, "+json") == 0) ||
           strcmp(type, "text/json") == 0;
}

static enum verdict judge_body(struct request *r, const struct http_answer *a)
{
    if (!is_json(a->type)) {
        snprintf(r->status_text, sizeof r->status_text, "the answer is %.36s, not JSON",
                 a->type[0] ? a->type : "of no content type");
        r->problem = r->status_text;
        return REPEAT; /* a proxy's page, perhaps: it goes away or stays */
    }
    r->problem = r->accept(r->ctx, a);
    return r->problem ? REPEAT : DONE;
}

static enum verdict judge_status(struct fetcher *f, struct request *r, const struct http_answer *a)
{
    long s = a->status;
    snprintf(r->status_text, sizeof r->status_text, "status %ld", s);
    r->problem = r->status_text;
    if (s == 401 && f->auth.kind == AUTH_TOKEN && !r->call.body && !r->renewed)
        return RENEW;
    if (s == 401 || s == 403)
        r->problem = s == 403       ? "status 403: these credentials may not read this"
                     : r->call.body ? "status 401: username and password were refused"
                     : r->renewed   ? "status 401: a new token was refused too"
                                    : "status 401: the credentials were refused, or none are given";
    if (s >= 300 && s < 400)
        return a->redirect ? FOLLOW : GIVE_UP;
    return s == 429 || s == 408 || s == 425 || s >= 500 ? REPEAT : GIVE_UP;
}

static enum verdict judge(struct fetcher *f, struct request *r, const struct http_answer *a)
{
    if (a->kind != HTTP_ANSWERED) {
        r->problem = a->problem;
        return a->kind == HTTP_REFUSED ? GIVE_UP : REPEAT;
    }
    if (a->status == 200 || (a->status == 201 && r->call.body)) /* a token may be called made */
        return judge_body(r, a);
    if (a->status == 404 && r->wants_404)
        return DONE;
    return judge_status(f, r, a);
}

/* A redirect or a link elsewhere would carry the Authorization header there. */
static int32_t follow(struct fetcher *f, struct request *r, const struct http_answer *a)
{
    char *shown = url_shown(r->call.url);
    if (!url_same_origin(r->call.url, a->redirect))
        return fetch_fail(f, true, "%s redirects to another host: %s; it is not followed", shown,
                          url_shown(a->redirect));
    if (url_problem(a->redirect, false))
        return fetch_fail(f, true, "%s redirects to a URL that %s", shown, url_problem(a->redirect, false));
    if (r->call.body && a->status != 307 && a->status != 308)
        return fetch_fail(f, true, "%s answers a POST with the redirect %ld; give the URL it leads to: %s",
                          shown, a->status, url_shown(a->redirect));
    if (++r->redirects > REDIRECTS_MAX)
        return fetch_fail(f, true, "%s: more than %d redirects", shown, REDIRECTS_MAX);
    r->call.url = text_of("%s", a->redirect);
    return 0;
}

static int32_t repeat(struct fetcher *f, struct request *r, const struct http_answer *a)
{
    if (r->failed++ >= f->retries)
        return fetch_fail(f, false, "%s: %s, %lld times", url_shown(r->call.url), r->problem,
                          (long long)r->failed);
    log_masked(f, DR_WARN, text_of("%s: %s; trying again", url_shown(r->call.url), r->problem));
    f->n_retried++;
    return wait_to_repeat(f, r->call.url, r->failed, a->wait_ms);
}

static int32_t act(struct fetcher *f, struct request *r, enum verdict v, const struct http_answer *a)
{
    switch (v) {
    case RENEW:
        r->renewed = true;
        f->n_renewed++;
        log_masked(f, DR_INFO, text_of("%s: status 401; asking for a new token", url_shown(r->call.url)));
        return auth_renew(f);
    case FOLLOW:
        return follow(f, r, a);
    case REPEAT:
        return repeat(f, r, a);
    default:
        return fetch_fail(f, true, "%s: %s", url_shown(r->call.url), r->problem);
    }
}

static int32_t persist(struct fetcher *f, struct request *r, long *ret_status)
{
    for (;;) {
        struct http_answer a;
        DR_TRY(wait_turn(f, r->call.url));
        f->headers[f->n_headers] = r->call.body ? NULL : f->auth.header;
        f->headers[f->n_headers + (f->headers[f->n_headers] != NULL)] = NULL;
        if (!r->call.headers)
            r->call.headers = f->headers;
        f->n_requests++;
        http_send(f->http, &r->call, &a);
        enum verdict v = judge(f, r, &a);
        if (v == DONE && ret_status)
            *ret_status = a.status;
        int32_t rc = v == DONE ? 0 : act(f, r, v, &a);
        http_answer_done(&a);
        if (v == DONE || rc)
            return rc;
    }
}

int32_t fetch_get(struct fetcher *f, const char *url, const char *path, fetch_accept accept, void *ctx,
                  long *ret_status)
{
    struct request r = {
        .call = { .url = url, .path = path }, .accept = accept, .ctx = ctx, .wants_404 = ret_status != NULL
    };
    if (!f->auth.header)
        DR_TRY(auth_renew(f));
    return persist(f, &r, ret_status);
}

int32_t fetch_token(struct fetcher *f, const char *url, const char *body, const char *type,
                    fetch_accept accept, void *ctx)
{
    const char *headers[] = { type, "Accept: application/json", NULL };
    struct request r = { .call = { .url = url, .body = body, .headers = headers },
                         .accept = accept,
                         .ctx = ctx };
    return persist(f, &r, NULL);
}
