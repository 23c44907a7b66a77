/* server/process/processors.c -- reads the affinity mask and the quotas of our cgroups. */
#include "server/process/processors.h"

#include "runtime/base/decimal.h"
#include "runtime/base/span.h"

#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 512 };

/* The first line of a small file, or false. */
static bool read_line(const char *path, char *ret_line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool ok = fgets(ret_line, (int)size, file) != NULL;
    (void)fclose(file);
    if (ok)
        ret_line[strcspn(ret_line, "\n")] = '\0';
    return ok;
}

static unsigned whole_processors(uint64_t quota, uint64_t period)
{
    if (period == 0)
        return UINT_MAX;
    uint64_t whole = quota / period;
    return whole == 0 ? 1 : whole > UINT_MAX ? UINT_MAX : (unsigned)whole;
}

/* "max 100000" or "150000 100000" */
static unsigned quota_v2(const char *group)
{
    char path[PATH_BYTES];
    char line[64];
    (void)snprintf(path, sizeof path, "%s/cpu.max", group);
    if (!read_line(path, line, sizeof line))
        return UINT_MAX;
    struct span text = span_from_string(line);
    size_t space = span_find(text, ' ');
    uint64_t quota;
    uint64_t period;
    if (space == SIZE_MAX || !decimal_parse(span_take(text, space), &quota) ||
        !decimal_parse(span_skip(text, space + 1), &period))
        return UINT_MAX;
    return whole_processors(quota, period);
}

/* -1 is no quota, and no decimal number */
static unsigned quota_v1(const char *group)
{
    char path[PATH_BYTES];
    char quota_line[64];
    char period_line[64];
    uint64_t quota;
    uint64_t period;
    (void)snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", group);
    if (!read_line(path, quota_line, sizeof quota_line) || !decimal_parse(span_from_string(quota_line), &quota))
        return UINT_MAX;
    (void)snprintf(path, sizeof path, "%s/cpu.cfs_period_us", group);
    if (!read_line(path, period_line, sizeof period_line) || !decimal_parse(span_from_string(period_line), &period))
        return UINT_MAX;
    return whole_processors(quota, period);
}

/* The least of the group's quota and those above it. A container may see its own group as the root while
 * /proc/self/cgroup names it as the host does: then the missing folders are skipped on the way up. */
static unsigned least_quota(const char *mount, const char *group, unsigned (*quota)(const char *))
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s%s", mount, group);
    unsigned least = UINT_MAX;
    for (size_t floor = strlen(mount); strlen(path) >= floor;) {
        unsigned here = quota(path);
        least = here < least ? here : least;
        char *slash = strrchr(path, '/');
        if (slash == NULL || (size_t)(slash - path) < floor)
            break;
        *slash = '\0';
    }
    return least;
}

/* Does the list "cpu,cpuacct" name the controller? */
static bool names_cpu(const char *list, size_t size)
{
    for (const char *end = list + size; list < end;) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        size_t length = (size_t)((comma != NULL ? comma : end) - list);
        if (length == 3 && memcmp(list, "cpu", 3) == 0)
            return true;
        list += length + 1;
    }
    return false;
}

/* One line of /proc/self/cgroup: "0::/group" (v2) or "4:cpu,cpuacct:/group" (v1). */
static unsigned quota_of_line(const char *root, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL)
        return UINT_MAX;
    controllers++;
    size_t size = (size_t)(group - controllers);
    char mount[PATH_BYTES];
    if (size == 0) {
        (void)snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
        return least_quota(mount, group + 1, quota_v2);
    }
    if (!names_cpu(controllers, size))
        return UINT_MAX;
    (void)snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%.*s", root, (int)size, controllers);
    unsigned together = least_quota(mount, group + 1, quota_v1);
    (void)snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/cpu", root);
    unsigned alone = least_quota(mount, group + 1, quota_v1);
    return together < alone ? together : alone;
}

static unsigned quota_of_groups(const char *root)
{
    char path[PATH_BYTES];
    char line[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    unsigned least = UINT_MAX;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        unsigned here = quota_of_line(root, line);
        least = here < least ? here : least;
    }
    if (file != NULL)
        (void)fclose(file);
    return least;
}

static cpu_set_t mask_at_start;

struct processors processors_available(const char *root)
{
    struct processors processors = {1, 1};
    if (sched_getaffinity(0, sizeof mask_at_start, &mask_at_start) == 0 && CPU_COUNT(&mask_at_start) > 0)
        processors.masked = (unsigned)CPU_COUNT(&mask_at_start);
    unsigned quota = quota_of_groups(root);
    processors.count = quota < processors.masked ? quota : processors.masked;
    return processors;
}

void processors_pin(unsigned n)
{
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &mask_at_start) || n-- != 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof one, &one); /* an unpinned thread serves as well */
        return;
    }
}
