/* One table of options for all verbs: the parser and the help texts read it. */
#include "cmd/cmd.h"
#include <stdarg.h>

#include "base/date.h"
#include "base/num.h"

enum kind { FLAG, TEXT, NUMBER, SPAN, PARAM, OTHER };
struct option {
    const char *name;
    char letter; /* 0: none */
    enum kind kind;
    size_t at; /* offset in struct dr_args */
    const char *value, *doc;
};
#define AT(field) offsetof(struct dr_args, field)
static const struct option options[] = {
    { "home", 'C', TEXT, AT(home), "FOLDER",
      "the dagrun home (DAGRUN_HOME, else the nearest parent with dags/)" },
    { "color", 0, TEXT, AT(color), "WHEN", "auto, always or never; NO_COLOR is obeyed" },
    { "help", 'h', FLAG, AT(help), NULL, "show this help" },
    { "json", 0, FLAG, AT(json), NULL, "print JSON for programs" },
    { "param", 'p', PARAM, 0, "NAME=VALUE", "set a parameter of the DAG; may be repeated" },
    { "date", 0, TEXT, AT(date), "DATE", "the logical date, ISO 8601; now without it" },
    { "run-id", 0, TEXT, AT(run_id), "ID", "name the run; made from the date without it" },
    { "jobs", 'j', NUMBER, AT(jobs), "N", "tasks at once; as many as processors without it, at least 2" },
    { "threads", 0, NUMBER, AT(threads), "N",
      "threads that each task, or the check, may use; processors without it" },
    { "wait", 0, SPAN, AT(wait_us), "SPAN",
      "wait for another run of the DAG to end, e.g. 10m; fail at once without it" },
    { "plain", 0, FLAG, AT(plain), NULL, "plain lines, no live table" },
    { "quiet", 'q', FLAG, AT(quiet), NULL, "print only what went wrong" },
    { "trace", 0, FLAG, AT(trace), NULL, "say on standard error why each task starts or waits" },
    { "dag", 0, TEXT, AT(dag), "DAG", "only this DAG, as the word DAG" },
    { "state", 0, TEXT, AT(state), "STATE", "only runs in this state" },
    { "limit", 'n', NUMBER, AT(limit), "N",
      "at most this many newest runs (20), values of a sample (20), rows of a view" },
    { "follow", 'f', FLAG, AT(follow), NULL, "go on printing until the task ends" },
    { "attempt", 0, NUMBER, AT(attempt), "N", "that attempt; the last without it" },
    { "all", 'a', FLAG, AT(all), NULL, "all of them" },
    { "force", 0, FLAG, AT(force), NULL, "also where the folder is not empty" },
    { "task", 0, TEXT, AT(task), "TASK", "from this task on" },
    { "list", 0, FLAG, AT(list), NULL, "list every expectation" },
    { "explain", 0, TEXT, AT(explain), "NAME", "explain one expectation: arguments, meaning, example" },
    { "format", 0, TEXT, AT(format), "FORMAT", "text, json or junit" },
    { "result-format", 0, TEXT, AT(result_format), "FORMAT",
      "BOOLEAN_ONLY, BASIC, SUMMARY (default) or COMPLETE" },
    { "row-key", 0, TEXT, AT(row_key), "COLUMN", "name rows by this column in unexpected_index_list" },
    { "suite", 0, FLAG, AT(suite), NULL, "propose an expectation suite as YAML" },
    { "other", 0, OTHER, 0, "NAME=FILE", "a table that expectations compare with; may be repeated" },
    { "query-timeout", 0, SPAN, AT(query_timeout_us), "SPAN",
      "how long each expectation in SQL may take; 5m without it" },
    { "baseline", 0, TEXT, AT(baseline), "FILE",
      "results of an earlier run (--json) that expectations compare with" },
    { "encoding", 0, TEXT, AT(encoding), "NAME", "of CSV files: utf-8, utf-16, latin-1, windows-1252" },
    { "delimiter", 0, TEXT, AT(delimiter), "CHAR", "of CSV files, or tab; , without it" },
    { "as", 0, TEXT, AT(as), "FORMAT",
      "csv, tsv, json or arrow, of files whose name does not say it; csv without it" },
    { "memory", 0, TEXT, AT(memory), "SIZE",
      "check a file of any size within about so much, e.g. 300MB; 0: hold all of it" },
    { "strict", 0, FLAG, AT(no_forgiving), NULL,
      "refuse a file with unreadable records rather than set them aside" },
    { "user", 0, FLAG, AT(user_lines), NULL, "lines for /etc/cron.d, with a user column" },
    { "if-due", 0, FLAG, AT(if_due), NULL,
      "do nothing unless the DAG's schedule fires in this minute (for cron)" },
    { "reconcile", 0, FLAG, AT(reconcile), NULL, "fail where the rows of a dataset do not add up" },
    { "full", 0, FLAG, AT(full), NULL, "everything that is known" },
    { "connection", 0, TEXT, AT(connection), "NAME",
      "the database, of connections.yaml; warehouse without it" },
    { "yes", 'y', FLAG, AT(yes), NULL, "do it, without asking" },
    { "output", 'o', TEXT, AT(output), "FILE", "write there rather than to standard output" },
};
#define N_OPTIONS (sizeof options / sizeof options[0])

static bool allowed(const struct dr_verb *verb, const struct option *o)
{
    static const char *const everywhere[] = { "home", "color", "help" };
    for (size_t i = 0; i < 3; i++)
        if (dr_streq(o->name, everywhere[i]))
            return true;
    struct dr_str rest = dr_str_of(verb->options ? verb->options : ""), word;
    while (dr_str_split(&rest, ' ', &word))
        if (dr_str_eq(word, dr_str_of(o->name)))
            return true;
    return false;
}

static const struct option *find(const struct dr_verb *verb, const char *name, size_t n)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0 &&
            allowed(verb, &options[i]))
            return &options[i];
    return NULL;
}

static const struct option *find_letter(const struct dr_verb *verb, char letter)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (letter && options[i].letter == letter && allowed(verb, &options[i]))
            return &options[i];
    return NULL;
}

static int unknown(const struct dr_verb *verb, const char *word)
{
    const char *names[N_OPTIONS];
    size_t n = 0;
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (allowed(verb, &options[i]))
            names[n++] = options[i].name;
    const char *near = dr_nearest(word, names, n);
    return dr_cmd_usage("%s has no option '--%s'%s%s%s; see dagrun %s --help", verb->name, word,
                        near ? "; did you mean --" : "", near ? near : "", near ? "?" : "", verb->name);
}

static int set_value(struct dr_cmd *c, const struct option *o, const char *value)
{
    char *base = (char *)&c->args;
    int64_t number;
    switch (o->kind) {
    case TEXT:
        memcpy(base + o->at, &value, sizeof value);
        return 0;
    case NUMBER:
        if (!dr_parse_i64(dr_str_of(value), &number) || number < 0 || number > 1000000)
            return dr_cmd_usage("--%s: '%s' is not a number from 0 to 1000000", o->name, value);
        memcpy(base + o->at, &number, sizeof number);
        return 0;
    case SPAN:
        if (!dr_parse_duration(dr_str_of(value), &number))
            return dr_cmd_usage("--%s: '%s' is not a span of time such as 30s, 10m, 1h30m", o->name, value);
        memcpy(base + o->at, &number, sizeof number);
        return 0;
    case PARAM:
        if (!strchr(value, '='))
            return dr_cmd_usage("--param: '%s' is not NAME=VALUE", value);
        if (c->args.n_params == (int)(sizeof c->args.params / sizeof c->args.params[0]))
            return dr_cmd_usage("--param: more than %d", c->args.n_params);
        c->args.params[c->args.n_params++] = value;
        return 0;
    case OTHER:
        if (c->args.n_others == (int)(sizeof c->args.others / sizeof c->args.others[0]))
            return dr_cmd_usage("--other: more than %d", c->args.n_others);
        c->args.others[c->args.n_others++] = value;
        return 0;
    case FLAG:
        break;
    }
    return 0;
}

/* One option at argv[*i]; moves *i past its value. */
static int parse_option(struct dr_cmd *c, const struct dr_verb *verb, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *value = NULL;
    const struct option *o;
    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        size_t n = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
        o = find(verb, word + 2, n);
        if (!o)
            return unknown(verb, dr_arena_dup(&c->arena, word + 2, n));
        value = equals ? equals + 1 : NULL;
    } else {
        o = find_letter(verb, word[1]);
        if (!o)
            return dr_cmd_usage("%s has no option '%s'; see dagrun %s --help", verb->name, word, verb->name);
        value = word[2] ? word + 2 : NULL;
    }
    if (o->kind == FLAG) {
        if (value)
            return dr_cmd_usage("--%s takes no value", o->name);
        *(bool *)((char *)&c->args + o->at) = true;
        return 0;
    }
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    if (!value)
        return dr_cmd_usage("--%s needs a value: --%s %s", o->name, o->name, o->value);
    return set_value(c, o, value);
}

int dr_options_parse(struct dr_cmd *c, const struct dr_verb *verb, int argc, char **argv)
{
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        if (!only_words && dr_streq(argv[i], "--")) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            int rc = parse_option(c, verb, argc, argv, &i);
            if (rc)
                return rc;
        } else if (c->args.n_words == verb->max_words) {
            return dr_cmd_usage("'%s' is one word too many: dagrun %s %s", argv[i], verb->name, verb->words);
        } else {
            c->args.words[c->args.n_words++] = argv[i];
        }
    }
    if (!c->args.help && c->args.n_words < verb->min_words)
        return dr_cmd_usage("%s needs more: dagrun %s %s", verb->name, verb->name, verb->words);
    return 0;
}

void dr_options_help(const struct dr_verb *verb, FILE *out)
{
    fprintf(out, "%s\n\n  dagrun %s%s%s%s\n\n", verb->summary, verb->name, verb->words[0] ? " " : "",
            verb->words, " [OPTION]...");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *o = &options[i];
        if (!allowed(verb, o))
            continue;
        char left[80];
        snprintf(left, sizeof left, "%s%c%s --%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
                 o->letter ? "," : " ", o->name, o->value ? " " : "", o->value ? o->value : "");
        fprintf(out, "  %-26s %s\n", left, o->doc);
    }
    if (verb->details)
        fprintf(out, "\n%s", verb->details);
    struct dr_str rest = dr_str_of(verb->example), line;
    fputs("\nExamples:\n", out);
    while (dr_str_split(&rest, '\n', &line))
        if (line.n)
            fprintf(out, "  %.*s\n", (int)line.n, line.p);
}

void dr_usage(FILE *out)
{
    fputs("dagrun: run data pipelines and prove that their data is good\n\n  dagrun VERB [WORD]... "
          "[OPTION]...\n\n",
          out);
    for (int i = 0; i < dr_n_verbs; i++)
        fprintf(out, "  %-10s %s\n", dr_verbs[i].name, dr_verbs[i].summary);
    fputs("\nEach verb has --help with examples.\n\n"
          "Exit codes: 0 success, 1 the run or a check failed, 2 usage, 3 a definition is wrong,\n"
          "4 not found, 5 busy, 6 the system refused, 70 a bug in dagrun, 130 cancelled.\n",
          out);
}
