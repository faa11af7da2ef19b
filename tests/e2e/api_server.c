/* api_server.c - the REST interface that the tests of `extract` talk to, with all the
 * faults that real ones have. Serves one connection at a time on 127.0.0.1, on a port that
 * the kernel chooses and that it prints; ends when its standard input does, so that it
 * never outlives its test.
 *
 *     api_server --rows FILE [--size N] [--log FILE] [--fault KIND@N]... [more below]
 *
 *     POST /token                      {"username": ..., "password": ...} -> {"token": ...}
 *     GET  /appointments/?page=N       {"count", "next", "prev", "results"}
 *     GET  /numbered?page=N            {"total", "items"}; 404 after the last page
 *     GET  /cursor?after=X             {"data": {"items"}, "meta": {"next": X}}
 *     GET  /plain                      an array of all records
 *     GET  /old                        a redirect to /appointments/
 *
 * FILE holds one record a line. The N of a fault counts the GETs of pages, from 1; "KIND@N+"
 * goes on from there. The log has a line for each request: method, target, status, and the
 * Authorization header's scheme. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FAULTS_MAX = 64, REQUEST_MAX = 65536 };

struct fault {
    char kind[24];
    long at;
    bool goes_on;
};

static struct {
    char **rows;
    size_t n_rows, size;
    struct fault faults[FAULTS_MAX];
    int n_faults;
    const char *user, *password, *accept;   /* accept: the Authorization that is taken without a token */
    bool open, backwards, overlap, clamped; /* a page behind the last one is the last one */
    bool relative, keyed, marked;           /* links: relative, with a key; answers: with a byte order mark */
    long count, token_lasts, token_status, retry_after; /* count < 0: the true one */
    FILE *log;
    int port;
    /* what has happened */
    long gets, tokens, token_uses;
    char token[64], list[64]; /* where it is */
} server = { .size = 100,
             .user = "reader",
             .password = "secret-word",
             .count = -1,
             .token_lasts = 1000000000,
             .token_status = 200 };

struct request {
    char method[8], target[2048], authorization[2048];
    const char *body;
};

/* ---- answers ---- */

static void put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return;
        p += k;
        n -= (size_t)k;
    }
}

static void write_log(const struct request *r, int status)
{
    if (!server.log)
        return;
    fprintf(server.log, "%s %s %d %.*s\n", r->method, r->target, status, (int)strcspn(r->authorization, " "),
            r->authorization);
    fflush(server.log);
}

static void answer(int fd, const struct request *r, int status, const char *type, const char *more_headers,
                   const char *body, size_t n, size_t sent)
{
    char head[4096];
    int h = snprintf(
        head, sizeof head,
        "HTTP/1.1 %d Status\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n",
        status, type, n, more_headers);
    write_log(r, status);
    put(fd, head, (size_t)h);
    put(fd, body, sent);
}

static void say(int fd, const struct request *r, int status, const char *more_headers, const char *json)
{
    answer(fd, r, status, "application/json; charset=utf-8", more_headers, json, strlen(json), strlen(json));
}

/* ---- tokens ---- */

static void give_token(int fd, const struct request *r)
{
    char wanted[512], json[256];
    snprintf(wanted, sizeof wanted, "{\"username\": \"%s\", \"password\": \"%s\"}", server.user,
             server.password);
    if (strcmp(r->body, wanted) != 0) {
        snprintf(json, sizeof json, "{\"detail\": \"not %s\"}", server.password);
        say(fd, r, 401, "", json);
        return;
    }
    snprintf(server.token, sizeof server.token, "tok-%ld-9f8e7d6c5b4a", ++server.tokens);
    server.token_uses = 0;
    snprintf(json, sizeof json, "{\"token\": \"%s\"}", server.token);
    say(fd, r, (int)server.token_status, "", json);
}

static bool may_read(const struct request *r)
{
    char wanted[128];
    if (server.open)
        return true;
    if (server.accept)
        return strcmp(r->authorization, server.accept) == 0;
    snprintf(wanted, sizeof wanted, "Token %s", server.token);
    return server.token[0] && strcmp(r->authorization, wanted) == 0 &&
           server.token_uses++ < server.token_lasts;
}

/* ---- faults ---- */

static bool has_fault(const char *kind)
{
    for (int i = 0; i < server.n_faults; i++) {
        const struct fault *f = &server.faults[i];
        if (strcmp(f->kind, kind) == 0 && (f->at == server.gets || (f->goes_on && server.gets > f->at)))
            return true;
    }
    return false;
}

static void answer_busy(int fd, const struct request *r, bool as_date)
{
    char header[128];
    time_t then = time(NULL) + server.retry_after;
    struct tm tm;
    if (as_date)
        strftime(header, sizeof header, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&then, &tm));
    else
        snprintf(header, sizeof header, "Retry-After: %ld\r\n", server.retry_after);
    say(fd, r, 429, header, "{\"detail\": \"too many requests\"}");
}

static void answer_huge(int fd, const struct request *r)
{
    static char block[1 << 16];
    memset(block, ' ', sizeof block);
    answer(fd, r, 200, "application/json", "", block, (size_t)1 << 40, sizeof block);
    for (int i = 0; i < 4096; i++) /* 256 MiB, or until the reader hangs up */
        put(fd, block, sizeof block);
}

static void redirect(int fd, const struct request *r, const char *to)
{
    char header[2300];
    snprintf(header, sizeof header, "Location: %s\r\n", to);
    answer(fd, r, 302, "text/plain", header, "", 0, 0);
}

static void moved_same_host(int fd, const struct request *r)
{
    char to[2100];
    snprintf(to, sizeof to, "%.2040s&moved=1", r->target);
    redirect(fd, r, to);
}

/* A type that repeats the credentials, as a proxy's page of what went wrong may. */
static void answer_echo(int fd, const struct request *r)
{
    char type[128];
    const char *space = strchr(r->authorization, ' ');
    snprintf(type, sizeof type, "text/%.100s", space ? space + 1 : "none");
    answer(fd, r, 200, type, "", "", 0, 0);
}

/* Until the client has hung up, or the test is over. */
static void hold(int fd)
{
    struct pollfd wait[] = { { .fd = fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
    while (poll(wait, 2, -1) < 0 && errno == EINTR)
        ;
}

/* True where a fault took the place of the answer. */
static bool answer_with_fault(int fd, const struct request *r)
{
    static const char html[] = "<html>maintenance</html>", garbage[] = "{\"count\": 12, \"results\": [{]";
    if (has_fault("hangup"))
        write_log(r, 0);
    else if (has_fault("hold"))
        write_log(r, 0), hold(fd);
    else if (has_fault("429") || has_fault("429date"))
        answer_busy(fd, r, has_fault("429date"));
    else if (has_fault("500"))
        say(fd, r, 500, "", "{\"detail\": \"server error\"}");
    else if (has_fault("503"))
        say(fd, r, 503, "", "{}");
    else if (has_fault("403"))
        say(fd, r, 403, "", "{}");
    else if (has_fault("html"))
        answer(fd, r, 200, "text/html", "", html, strlen(html), strlen(html));
    else if (has_fault("echo"))
        answer_echo(fd, r);
    else if (has_fault("garbage"))
        say(fd, r, 200, "", garbage);
    else if (has_fault("huge"))
        answer_huge(fd, r);
    else if (has_fault("redirect"))
        redirect(fd, r, "http://127.0.0.2:9/elsewhere?name=reader");
    else if (has_fault("moved") && !strstr(r->target, "moved=1"))
        moved_same_host(fd, r);
    else
        return false;
    return true;
}

/* ---- pages ---- */

static size_t n_pages(void)
{
    size_t n = (server.n_rows + server.size - 1) / server.size;
    return n ? n : 1;
}

static long parameter(const char *target, const char *name, long otherwise)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%s=", name);
    const char *p = strchr(target, '?');
    p = p ? strstr(p, wanted) : NULL;
    return p ? strtol(p + strlen(wanted), NULL, 10) : otherwise;
}

/* The records of a page, from 1, as a JSON array. */
static void put_records(FILE *out, long page)
{
    size_t at = (size_t)(server.backwards ? (long)n_pages() - page : page - 1) * server.size;
    size_t end = at + server.size < server.n_rows ? at + server.size : server.n_rows;
    size_t from = server.overlap && at > 0 ? at - 1 : at;
    fputc('[', out);
    for (size_t i = from; i < end; i++)
        fprintf(out, "%s%s", i > from ? ",\n " : "",
                server.rows[server.backwards ? end - 1 - (i - from) : i]);
    fputc(']', out);
}

static void put_link(FILE *out, const char *name, long page)
{
    fprintf(out, ", \"%s\": ", name);
    if (page < 1 || page > (long)n_pages())
        fputs("null", out);
    else
        fprintf(out, "\"%s?page=%ld%s\"", server.relative ? "" : server.list, page,
                server.keyed ? "&key=k-9f8e" : "");
}

static void put_page(FILE *out, const struct request *r, long page)
{
    long count = server.count >= 0 ? server.count : (long)server.n_rows;
    if (has_fault("lie"))
        count += 7;
    if (strncmp(r->target, "/numbered", 9) == 0) {
        fprintf(out, "{\"total\": %ld, \"items\": ", count);
    } else if (strncmp(r->target, "/cursor", 7) == 0) {
        fputs("{\"meta\": {\"next\": ", out);
        fprintf(out,
                page < (long)n_pages() ? "\"\\\\a\\nc%ld\"}, \"data\": {\"items\": "
                                       : "null}, \"data\": {\"items\": ",
                page + 1);
    } else {
        fprintf(out, "{\"count\": %ld", count);
        if (has_fault("elsewhere"))
            fputs(", \"next\": \"http://127.0.0.2:9/appointments/?page=2\", \"prev\": null", out);
        else
            put_link(out, "next", has_fault("loop") ? 2 : has_fault("restart") ? 1 : page + 1);
        put_link(out, "prev", page - 1);
        fputs(", \"results\": ", out);
    }
    put_records(out, has_fault("repeat") && page > 1 ? page - 1 : page);
    fputs(strncmp(r->target, "/cursor", 7) == 0 ? "}}\n" : "}\n", out);
}

static long page_of(const char *target)
{
    if (strncmp(target, "/cursor", 7) != 0)
        return parameter(target, "page", 1);
    const char *c = strcasestr(target, "after=%5Ca%0Ac");
    return c ? strtol(c + 14, NULL, 10) : strstr(target, "after=") ? -1 : 1;
}

static void give_page(int fd, const struct request *r)
{
    char *body = NULL;
    size_t n = 0;
    long page = page_of(r->target);
    if (strncmp(r->target, "/old", 4) == 0) {
        redirect(fd, r, "/appointments/");
        return;
    }
    if (server.clamped && page > (long)n_pages())
        page = (long)n_pages();
    if (page < 1 || page > (long)n_pages()) {
        say(fd, r, 404, "", "{\"detail\": \"Invalid page.\"}");
        return;
    }
    FILE *out = open_memstream(&body, &n);
    if (!out)
        abort();
    if (server.marked)
        fputs("\xEF\xBB\xBF", out);
    if (strncmp(r->target, "/plain", 6) == 0)
        put_records(out, 1);
    else
        put_page(out, r, page);
    fclose(out);
    answer(fd, r, 200, "application/json", "", body, n, has_fault("drop") ? n / 2 : n);
    free(body);
}

static void handle_get(int fd, const struct request *r)
{
    if (!may_read(r)) {
        say(fd, r, 401, "WWW-Authenticate: Token\r\n", "{\"detail\": \"Invalid token.\"}");
        return;
    }
    server.gets++;
    if (has_fault("expire")) {
        server.token[0] = 0;
        say(fd, r, 401, "", "{\"detail\": \"Token expired.\"}");
    } else if (!answer_with_fault(fd, r)) {
        give_page(fd, r);
    }
}

/* ---- requests ---- */

static bool read_request(int fd, char *text, struct request *r)
{
    size_t n = 0;
    const char *end = NULL;
    while (n < REQUEST_MAX - 1) {
        ssize_t k = recv(fd, text + n, REQUEST_MAX - 1 - n, 0);
        if (k <= 0)
            return false;
        n += (size_t)k;
        text[n] = 0;
        end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "\r\nContent-Length:");
        if (end &&
            n >= (size_t)(end + 4 - text) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0))
            break;
    }
    const char *authorization = strcasestr(text, "\r\nAuthorization: ");
    if (!end || sscanf(text, "%7s %2047s", r->method, r->target) != 2)
        return false;
    r->body = end + 4;
    if (authorization)
        sscanf(authorization + 17, "%2047[^\r]", r->authorization);
    return true;
}

static void serve(int fd)
{
    static char text[REQUEST_MAX];
    struct request r = { .method = "" };
    if (!read_request(fd, text, &r))
        return;
    if (strcmp(r.method, "POST") == 0 && strcmp(r.target, "/token") == 0)
        give_token(fd, &r);
    else if (strcmp(r.method, "GET") == 0)
        handle_get(fd, &r);
    else
        say(fd, &r, 405, "", "{}");
}

/* ---- start ---- */

static void read_rows(const char *path)
{
    FILE *in = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    if (!in) {
        perror(path);
        exit(1);
    }
    for (ssize_t n; (n = getline(&line, &size, in)) > 0;) {
        line[n - (line[n - 1] == '\n')] = 0;
        server.rows = realloc(server.rows, (server.n_rows + 1) * sizeof *server.rows);
        if (!server.rows)
            abort();
        server.rows[server.n_rows++] = strdup(line);
    }
    free(line);
    fclose(in);
}

static void add_fault(const char *text)
{
    struct fault *f = &server.faults[server.n_faults];
    char plus = 0;
    if (server.n_faults == FAULTS_MAX || sscanf(text, "%23[^@]@%ld%c", f->kind, &f->at, &plus) < 2) {
        fprintf(stderr, "api_server: '%s' is not KIND@N\n", text);
        exit(2);
    }
    f->goes_on = plus == '+';
    server.n_faults++;
}

static void set_option(const char *name, const char *value)
{
    if (strcmp(name, "--rows") == 0)
        read_rows(value);
    else if (strcmp(name, "--size") == 0)
        server.size = strtoul(value, NULL, 10);
    else if (strcmp(name, "--fault") == 0)
        add_fault(value);
    else if (strcmp(name, "--log") == 0)
        server.log = fopen(value, "ae");
    else if (strcmp(name, "--password") == 0)
        server.password = value;
    else if (strcmp(name, "--accept") == 0)
        server.accept = value;
    else if (strcmp(name, "--count") == 0)
        server.count = strtol(value, NULL, 10);
    else if (strcmp(name, "--token-lasts") == 0)
        server.token_lasts = strtol(value, NULL, 10);
    else if (strcmp(name, "--token-status") == 0)
        server.token_status = strtol(value, NULL, 10);
    else if (strcmp(name, "--retry-after") == 0)
        server.retry_after = strtol(value, NULL, 10);
    else if (strcmp(name, "--mode") == 0) {
        server.open |= strcmp(value, "open") == 0;
        server.backwards |= strcmp(value, "backwards") == 0;
        server.overlap |= strcmp(value, "overlap") == 0;
        server.relative |= strcmp(value, "relative") == 0;
        server.marked |= strcmp(value, "marked") == 0;
        server.keyed |= strcmp(value, "keyed") == 0;
        server.clamped |= strcmp(value, "clamped") == 0;
    } else {
        fprintf(stderr, "api_server: unknown option %s\n", name);
        exit(2);
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)&at, &size)) {
        perror("api_server: cannot listen");
        exit(1);
    }
    server.port = ntohs(at.sin_port);
    snprintf(server.list, sizeof server.list, "http://127.0.0.1:%d/appointments/", server.port);
    return fd;
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        set_option(argv[i], argv[i + 1]);
    signal(SIGPIPE, SIG_IGN);
    int listener = listen_anywhere();
    printf("%d\n", server.port);
    fflush(stdout);
    struct pollfd wait[] = { { .fd = listener, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
    for (;;) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            return 1;
        char byte;
        if (wait[1].revents && read(STDIN_FILENO, &byte, 1) <= 0)
            return 0;
        int fd = wait[0].revents & POLLIN ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd < 0)
            continue;
        struct timeval patience = { .tv_sec = 10 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        serve(fd);
        close(fd);
    }
}
