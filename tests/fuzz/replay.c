/* replay.c - the main of a fuzz entry point in the ordinary test run: every
 * file of tests/fuzz/corpus/NAME goes through it once, and so do simple
 * mutations of each (cut short, one byte changed), chosen by a fixed seed. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __attribute__((weak)) LLVMFuzzerInitialize(int *argc, char ***argv);

static int replayed;

/* Its own allocation of exactly that size, so that a sanitizer sees any overrun. */
static void replay(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    replayed++;
}

static void mutate(uint8_t *data, size_t size, uint32_t *seed)
{
    for (int i = 0; i < 8 && size; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        size_t at = *seed % size;
        uint8_t old = data[at];
        data[at] = (uint8_t)(*seed >> 24);
        replay(data, size);
        data[at] = old;
        replay(data, at);
    }
}

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rbe");
    static uint8_t data[1 << 20];
    if (!f) {
        perror(path);
        exit(1);
    }
    size_t n = fread(data, 1, sizeof data, f);
    fclose(f);
    uint32_t seed = 1;
    replay(data, n);
    mutate(data, n, &seed);
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    const char *folder = argc > 1 ? argv[1] : SOURCE_DIR "/tests/fuzz/corpus/" FUZZ_NAME;
    DIR *d = opendir(folder);
    int files = 0;
    if (!d) {
        perror(folder);
        return 1;
    }
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        replay_file(path);
        files++;
    }
    closedir(d);
    if (!files) {
        fprintf(stderr, "%s: an empty corpus tests nothing\n", folder);
        return 1;
    }
    printf("ok 1 - %s: %d inputs from %d files\n", FUZZ_NAME, replayed, files);
    return 0;
}
