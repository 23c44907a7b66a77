/* bench/figures/process_cost.c -- reads /proc: stat, task/N/schedstat, status. */
#include "bench/figures/process_cost.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool process_set_parse(struct process_set *set, const char *text)
{
    set->count = 0;
    while (*text != '\0' && set->count < PROCESSES_MAX) {
        char *end;
        long pid = strtol(text, &end, 10);
        if (end == text || pid <= 0)
            return false;
        set->pids[set->count++] = (int)pid;
        text = *end == ',' ? end + 1 : end;
        if (*end != ',' && *end != '\0')
            return false;
    }
    return *text == '\0';
}

/* The whole process by ticks, ended threads included. */
static uint64_t ticks_ns(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    char line[1024] = "";
    bool is_read = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    const char *behind_name = strrchr(line, ')');
    unsigned long long user = 0;
    unsigned long long kernel = 0;
    if (!is_read || behind_name == NULL ||
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &kernel) != 2)
        return 0;
    return (user + kernel) * (1000000000ull / (unsigned long long)sysconf(_SC_CLK_TCK));
}

/* Living threads, exactly. */
static uint64_t threads_ns(int pid)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = opendir(path);
    if (threads == NULL)
        return 0;
    uint64_t total = 0;
    for (const struct dirent *entry; (entry = readdir(threads)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        FILE *file = fopen(path, "r");
        unsigned long long on_processor = 0;
        if (file != NULL && fscanf(file, "%llu", &on_processor) == 1)
            total += on_processor;
        if (file != NULL)
            (void)fclose(file);
    }
    (void)closedir(threads);
    return total;
}

uint64_t process_cpu_ns(const struct process_set *set)
{
    const uint64_t tick_error_ns = 50 * 1000000ull; /* what ticks may be off by; beyond it threads have ended */
    uint64_t total = 0;
    for (unsigned i = 0; i < set->count; i++) {
        uint64_t exact = threads_ns(set->pids[i]);
        uint64_t ticks = ticks_ns(set->pids[i]);
        total += ticks > exact + tick_error_ns ? ticks : exact;
    }
    return total;
}

uint64_t process_anonymous_bytes(const struct process_set *set)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < set->count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/status", set->pids[i]);
        FILE *file = fopen(path, "r");
        char line[256];
        unsigned long long kib;
        while (file != NULL && fgets(line, sizeof line, file) != NULL)
            if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
                total += kib << 10;
        if (file != NULL)
            (void)fclose(file);
    }
    return total;
}
