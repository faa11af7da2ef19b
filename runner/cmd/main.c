/* dagrun: the program's entry. */
#include "cmd/cmd.h"
#include <signal.h>
#include <unistd.h>

static const char *version_words[] = { "--version", "-V" };

static int unknown_verb(const char *word)
{
    const char *names[64];
    size_t n = 0;
    for (int i = 0; i < dr_n_verbs && n < 64; i++)
        names[n++] = dr_verbs[i].name;
    const char *near = dr_nearest(word, names, n);
    return dr_cmd_usage("there is no verb '%s'%s%s%s; dagrun --help lists them", word,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int run_verb(struct dr_cmd *c, const struct dr_verb *verb, int argc, char **argv)
{
    c->args.verb = verb->name;
    int rc = dr_options_parse(c, verb, argc, argv);
    if (rc)
        return rc;
    if (c->args.help) {
        dr_options_help(verb, stdout);
        return DR_EXIT_OK;
    }
    const char *color = c->args.color;
    if (color && !dr_streq(color, "auto") && !dr_streq(color, "always") && !dr_streq(color, "never"))
        return dr_cmd_usage("--color: '%s' is not auto, always or never", color);
    c->color = dr_color_wanted(color, STDOUT_FILENO);
    struct dr_err err = { 0 };
    if (verb->needs_home && dr_home_find(&c->arena, c->args.home, &c->home, &err))
        return dr_cmd_fail(&err);
    return verb->run(c);
}

static int dispatch(struct dr_cmd *c, int argc, char **argv)
{
    if (argc < 2) {
        dr_usage(stderr);
        return DR_EXIT_USAGE;
    }
    for (size_t i = 0; i < 2; i++)
        if (dr_streq(argv[1], version_words[i]))
            return dr_verb_version(c);
    if (dr_streq(argv[1], "--help") || dr_streq(argv[1], "-h")) {
        dr_usage(stdout);
        return DR_EXIT_OK;
    }
    /* --home before the verb, as with git -C. */
    int at = 1;
    while (at + 1 < argc && (dr_streq(argv[at], "--home") || dr_streq(argv[at], "-C"))) {
        c->args.home = argv[at + 1];
        at += 2;
    }
    if (at >= argc)
        return dr_cmd_usage("say what to do: dagrun --help lists the verbs");
    const struct dr_verb *verb = dr_verb_find(argv[at]);
    if (!verb)
        return unknown_verb(argv[at]);
    return run_verb(c, verb, argc - at - 1, argv + at + 1);
}

int main(int argc, char **argv)
{
    static struct dr_cmd c;
    /* A write past a file-size limit then fails with a reason, as on a full disk. */
    signal(SIGXFSZ, SIG_IGN);
    int code = dispatch(&c, argc, argv);
    dr_arena_done(&c.arena);
    /* Output that could not be written must not pass for success. */
    if (fflush(stdout) || ferror(stdout)) {
        perror("dagrun: standard output");
        code = code == DR_EXIT_OK ? DR_EXIT_SYSTEM : code;
    }
    return code;
}
