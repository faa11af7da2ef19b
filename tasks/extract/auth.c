/* auth.c - the Authorization header: given (basic, bearer), or with a token that
 * a POST of name and password gives, and that is asked for anew when it expires.
 *
 * Names, passwords and tokens stay in memory. Each is told to the fetcher, which
 * masks it in whatever it says. */
#include "extract.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_MAX = 8192 };

static int32_t read_token(const struct settings *auth, struct auth *ret)
{
    struct settings s;
    DR_TRY(settings_below(auth, "token",
                          "url|form|username_env|username_file|password_env|password_file|username_field|"
                          "password_field|field|scheme",
                          &s));
    ret->kind = AUTH_TOKEN;
    DR_TRY(settings_text(&s, "url", REQUIRED_TEXT, &ret->token.url));
    DR_TRY(settings_text(&s, "form", "json", &ret->token.form));
    DR_TRY(settings_text(&s, "username_field", "username", &ret->token.username_field));
    DR_TRY(settings_text(&s, "password_field", "password", &ret->token.password_field));
    DR_TRY(settings_text(&s, "scheme", "Token", &ret->token.scheme));
    if (strcmp(ret->token.form, "json") != 0 && strcmp(ret->token.form, "form") != 0)
        return settings_refuse(&s, "form", "must be json or form");
    const char *problem = url_problem(ret->token.url, true), *field;
    if (problem)
        return settings_refuse(&s, "url", "'%s' %s", url_shown(ret->token.url), problem);
    DR_TRY(settings_text(&s, "field", "token", &field));
    DR_TRY(json_path(&s, "field", field, &ret->token.field));
    DR_TRY(settings_secret(&s, "username", &ret->username));
    return settings_secret(&s, "password", &ret->password);
}

int32_t auth_read(const struct settings *api, struct auth *ret)
{
    struct settings s, basic;
    DR_TRY(settings_below(api, "auth", "token|basic|bearer", &s));
    int64_t ways = dr_node_size(s.map);
    if (ways > 1)
        return settings_refuse(&s, NULL, "give one of token, basic, bearer");
    if (settings_has(&s, "token"))
        return read_token(&s, ret);
    if (settings_has(&s, "bearer")) {
        ret->kind = AUTH_BEARER;
        DR_TRY(settings_below(&s, "bearer", "token_env|token_file", &basic));
        return settings_secret(&basic, "token", &ret->bearer);
    }
    if (!settings_has(&s, "basic"))
        return 0;
    ret->kind = AUTH_BASIC;
    DR_TRY(settings_below(&s, "basic", "username_env|username_file|password_env|password_file", &basic));
    DR_TRY(settings_secret(&basic, "username", &ret->username));
    if (strchr(ret->username, ':'))
        return settings_refuse(&basic, NULL, "a username of basic authentication cannot hold ':'");
    return settings_secret(&basic, "password", &ret->password);
}

/* ---- writing ---- */

static char *base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    char *to = malloc((n + 2) / 3 * 4 + 1), *p = to;
    if (!to)
        abort();
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < n ? (unsigned char)text[i + k] : 0);
        for (int k = 0; k < 4; k++)
            *p++ = i + (size_t)k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    *p = 0;
    return to;
}

static void put_json_text(FILE *out, const char *s)
{
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*s);
        else
            fputc(*s, out);
    }
    fputc('"', out);
}

static void put_form_text(FILE *out, const char *s)
{
    for (; *s; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s))
            fputc(*s, out);
        else
            fprintf(out, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

/* {"username": "...", "password": "..."}, or username=...&password=... */
static char *token_body(const struct auth *a, bool json)
{
    void (*put)(FILE *, const char *) = json ? put_json_text : put_form_text;
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        abort();
    fputs(json ? "{" : "", out);
    put(out, a->token.username_field);
    fputs(json ? ": " : "=", out);
    put(out, a->username);
    fputs(json ? ", " : "&", out);
    put(out, a->token.password_field);
    fputs(json ? ": " : "=", out);
    put(out, a->password);
    fputs(json ? "}" : "", out);
    fclose(out);
    return text;
}

/* ---- asking ---- */

struct token_answer {
    const struct auth *auth;
    char *token; /* owned */
};

static const char *take_token(void *ctx, const struct http_answer *a)
{
    struct token_answer *x = ctx;
    char *token = answer_text(a->body, x->auth->token.field);
    if (!token)
        return "the answer has no token where auth.token.field says";
    size_t n = strlen(token);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)token[i] <= ' ' || (unsigned char)token[i] > '~')
            n = 0;
    if (n == 0 || n > TOKEN_MAX) {
        free(token);
        return "the answer's token is not one word of plain characters";
    }
    free(x->token);
    x->token = token;
    return NULL;
}

static int32_t ask_for_token(struct fetcher *f)
{
    struct auth *a = &f->auth;
    struct token_answer x = { .auth = a };
    bool json = strcmp(a->token.form, "json") == 0;
    char *body = token_body(a, json);
    int32_t rc = fetch_token(f, a->token.url, body,
                             json ? "Content-Type: application/json"
                                  : "Content-Type: application/x-www-form-urlencoded",
                             take_token, &x);
    explicit_bzero(body, strlen(body));
    free(body);
    if (rc)
        return rc;
    fetch_keep_secret(f, x.token);
    free(a->header);
    a->header = text_of("Authorization: %s %s", a->token.scheme, x.token);
    return 0;
}

int32_t auth_renew(struct fetcher *f)
{
    struct auth *a = &f->auth;
    if (a->kind == AUTH_TOKEN)
        return ask_for_token(f);
    if (a->kind == AUTH_BEARER && !a->header)
        a->header = text_of("Authorization: Bearer %s", a->bearer);
    if (a->kind == AUTH_BASIC && !a->header) {
        char *pair = text_of("%s:%s", a->username, a->password), *coded = base64(pair);
        fetch_keep_secret(f, coded);
        a->header = text_of("Authorization: Basic %s", coded);
        explicit_bzero(pair, strlen(pair));
        free(pair);
    }
    return 0;
}
