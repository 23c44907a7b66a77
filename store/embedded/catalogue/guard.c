/* store/embedded/catalogue/guard.c -- a handler of SIGBUS that knows the maps of catalogues. */
#include "store/embedded/catalogue/guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAPS_MAX = 8 };
struct guarded_map {
    uintptr_t start;
    uintptr_t end;
    char path[STORE_PATH_BYTES_MAX + 32];
};
static struct guarded_map guarded_maps[MAPS_MAX];
static struct sigaction earlier_action;
static pthread_once_t handler_once = PTHREAD_ONCE_INIT;

static void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static void on_bus_error(int signal_number, siginfo_t *information, void *context)
{
    uintptr_t address = (uintptr_t)information->si_addr;
    for (size_t i = 0; i < MAPS_MAX; i++) {
        if (address >= guarded_maps[i].start && address < guarded_maps[i].end) {
            say("The catalogue ");
            say(guarded_maps[i].path);
            say(" cannot be read (its file was cut, or its disk fails). Stop, then run `bale check` on the folder.\n");
            _exit(70);
        }
    }
    if ((earlier_action.sa_flags & SA_SIGINFO) != 0 && earlier_action.sa_sigaction != NULL) {
        earlier_action.sa_sigaction(signal_number, information, context);
        return;
    }
    (void)signal(SIGBUS, SIG_DFL); /* back to the faulting instruction, which now ends the process */
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, &earlier_action);
}

void guard_map(const char *path, const void *start, uint64_t bytes)
{
    (void)pthread_once(&handler_once, install_handler);
    for (size_t i = 0; i < MAPS_MAX; i++) {
        if (guarded_maps[i].end != 0)
            continue;
        (void)snprintf(guarded_maps[i].path, sizeof guarded_maps[i].path, "%s", path);
        guarded_maps[i].start = (uintptr_t)start;
        guarded_maps[i].end = (uintptr_t)start + bytes;
        return;
    }
}

void guard_release(const void *start)
{
    for (size_t i = 0; start != NULL && i < MAPS_MAX; i++) {
        if (guarded_maps[i].start == (uintptr_t)start)
            memset(&guarded_maps[i], 0, sizeof guarded_maps[i]);
    }
}

/* LMDB does not tell where its map is; the kernel does. */
const void *guard_catalogue(const struct catalogue *catalogue)
{
    const void *map = NULL;
    char *resolved = realpath(catalogue->path, NULL);
    FILE *maps = resolved == NULL ? NULL : fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t line_bytes = 0;
    /* without it a fault is an ordinary SIGBUS */
    while (maps != NULL && getline(&line, &line_bytes, maps) > 0) {
        unsigned long start;
        unsigned long end;
        const char *path = strchr(line, '/');
        if (path == NULL || sscanf(line, "%lx-%lx", &start, &end) != 2)
            continue;
        if (strncmp(path, resolved, strlen(resolved)) != 0 || path[strlen(resolved)] != '\n')
            continue;
        map = (const void *)start;
        guard_map(catalogue->path, map, end - start);
        break;
    }
    if (maps != NULL)
        (void)fclose(maps);
    free(line);
    free(resolved);
    return map;
}
