/* resident.c - see resident.h. VmHWM of /proc/self/status is the peak; "5" in clear_refs sets it back
 * (proc(5)). */
#include "base/resident.h"
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"

/* A line of "NAME:  1234 kB" in bytes, or 0. */
static uint64_t bytes_of_line(const char *path, const char *start)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str text, line, name = dr_str_of(start);
    uint64_t kib = 0;
    if (dr_read_file(&arena, path, 1 << 16, &text, NULL))
        return 0;
    while (dr_str_split(&text, '\n', &line))
        if (dr_str_starts(line, name))
            for (size_t i = name.n; i < line.n; i++)
                if (line.p[i] >= '0' && line.p[i] <= '9')
                    kib = kib * 10 + (uint64_t)(line.p[i] - '0');
    return kib * 1024;
}

uint64_t dr_memory_available(void)
{
    return bytes_of_line("/proc/meminfo", "MemAvailable:");
}

uint64_t dr_resident_peak(void)
{
    return bytes_of_line("/proc/self/status", "VmHWM:");
}

void dr_resident_start(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "5", 1) != 1) {
        /* then the peak is that of the whole process, as the header says */
    }
    close(fd);
}
