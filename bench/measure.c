/* measure.c - time commands against each other: each is run once to warm up,
 * then all of them in turn, N times, so that a drift of the machine's speed
 * meets all alike. Prints for each the median wall and CPU seconds, the largest
 * resident set of a process, and the ratio of its median to the first's.
 *
 *   measure [-n RUNS] LABEL COMMAND [LABEL COMMAND]...
 *
 * A COMMAND is given to /bin/sh with `exec` before it; its output goes to
 * /dev/null, its errors are shown. A command that fails ends the measurement. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS 101
#define MAX_COMMANDS 16

struct entry {
    const char *label, *command;
    double wall[MAX_RUNS], cpu[MAX_RUNS];
    long max_rss; /* KiB */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void run_child(const char *command)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Run once; i < 0 only warms up. Returns 0 where the command exited with 0. */
static int run_once(struct entry *e, int i)
{
    char command[8192];
    struct rusage used;
    int status;
    snprintf(command, sizeof command, "exec %s", e->command);
    double start = now();
    pid_t pid = fork();
    if (pid == 0)
        run_child(command);
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
        return -1;
    double took = now() - start;
    if (i >= 0) {
        e->wall[i] = took;
        e->cpu[i] = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                    (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    }
    if (used.ru_maxrss > e->max_rss)
        e->max_rss = used.ru_maxrss;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void print(struct entry *entries, int n, int runs)
{
    double first = 0;
    for (int i = 0; i < n; i++) {
        double wall = median(entries[i].wall, runs), cpu = median(entries[i].cpu, runs);
        if (i == 0)
            first = wall;
        printf("  %-28s %9.4f s %9.4f s cpu %8.1f MB   x %.2f   (%.4f - %.4f)\n", entries[i].label, wall, cpu,
               (double)entries[i].max_rss / 1024, wall / first, entries[i].wall[0],
               entries[i].wall[runs - 1]);
    }
}

int main(int argc, char **argv)
{
    static struct entry entries[MAX_COMMANDS];
    int runs = 5, at = 1, n = 0;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        runs = (int)strtol(argv[2], NULL, 10);
        at = 3;
    }
    for (; at + 1 < argc && n < MAX_COMMANDS; at += 2, n++)
        entries[n] = (struct entry){ .label = argv[at], .command = argv[at + 1] };
    if (at != argc || !n || runs < 1 || runs > MAX_RUNS) {
        fputs("measure [-n RUNS] LABEL COMMAND [LABEL COMMAND]...\n", stderr);
        return 2;
    }
    for (int i = -1; i < runs; i++) {
        for (int k = 0; k < n; k++) {
            if (run_once(&entries[k], i)) {
                fprintf(stderr, "measure: failed: %s\n", entries[k].command);
                return 1;
            }
        }
    }
    print(entries, n, runs);
    return 0;
}
