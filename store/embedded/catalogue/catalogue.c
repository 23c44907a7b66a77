/* store/embedded/catalogue/catalogue.c -- the LMDB environment: opened, guarded, closed. */
#include "store/embedded/catalogue/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLES_MAX = 24, READERS_MAX = 1024 };

/* ---- a fault inside the map ---- */

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

/* LMDB does not tell where its map is; the kernel does. */
static void guard_map(const struct catalogue *catalogue)
{
    (void)pthread_once(&handler_once, install_handler);
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
        for (size_t i = 0; i < MAPS_MAX; i++) {
            if (guarded_maps[i].end == 0) {
                strcpy(guarded_maps[i].path, catalogue->path);
                guarded_maps[i].start = start;
                guarded_maps[i].end = end;
                break;
            }
        }
        break;
    }
    if (maps != NULL)
        (void)fclose(maps);
    free(line);
    free(resolved);
}

static void release_map(const struct catalogue *catalogue)
{
    for (size_t i = 0; i < MAPS_MAX; i++) {
        if (strcmp(guarded_maps[i].path, catalogue->path) == 0)
            memset(&guarded_maps[i], 0, sizeof guarded_maps[i]);
    }
}

/* ---- errors ---- */

/* ---- values with a checksum ---- */

/* ---- meta ---- */

/* ---- buckets: version u8, zero u8 * 3, number u64, created u64, owner ---- */

/* ---- opening ---- */

uint64_t catalogue_used_bytes(const struct catalogue *catalogue)
{
    MDB_envinfo information;
    return mdb_env_info(catalogue->env, &information) == 0
               ? (uint64_t)(information.me_last_pgno + 1) * CATALOGUE_PAGE_BYTES
               : 0;
}

static bool open_tables(struct catalogue *catalogue, MDB_txn *txn, unsigned flags, struct error *error)
{
    struct {
        const char *name;
        MDB_dbi *table;
    } tables[] = {
        {"meta", &catalogue->meta},         {"buckets", &catalogue->buckets},
        {"objects", &catalogue->objects},   {"bodies", &catalogue->bodies},
        {"sidecars", &catalogue->sidecars}, {"extents", &catalogue->extents},
        {"volumes", &catalogue->volumes},   {"space", &catalogue->space},
        {"uploads", &catalogue->uploads},   {"upload_ids", &catalogue->upload_ids},
        {"parts", &catalogue->parts},       {"completed", &catalogue->completed},
        {"pieces", &catalogue->pieces},     {"part_maps", &catalogue->part_maps},
        {"spools", &catalogue->spools},     {"spool_records", &catalogue->spool_records},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        int result = mdb_dbi_open(txn, tables[i].name, flags, tables[i].table);
        if (result == MDB_NOTFOUND)
            return error_set(error, ERROR_UNSUPPORTED, NULL,
                             "%s has no table `%s` yet: an earlier Bale wrote it. Start baled on the folder once.",
                             catalogue->path, tables[i].name);
        if (result != 0)
            return catalogue_failed(result, error, tables[i].name);
    }
    return true;
}

/* The catalogue carries the uuid of its folder: one that was copied from elsewhere would claim blocks of other bodies.
 */
static bool match_uuid(struct catalogue *catalogue, MDB_txn *txn, const uint8_t uuid[16], bool create,
                       struct error *error)
{
    struct span found;
    struct span expected = span_of(uuid, 16);
    switch (catalogue_get(txn, catalogue->meta, SPAN("uuid"), &found, error)) {
    case LOOKUP_FOUND:
        return span_equal(found, expected) ||
               error_set(error, ERROR_DAMAGED, NULL, "%s belongs to another store. Run `bale check`.", catalogue->path);
    case LOOKUP_MISSING:
        if (create)
            return catalogue_put(txn, catalogue->meta, SPAN("uuid"), expected, 0, error);
        return error_set(error, ERROR_DAMAGED, NULL, "%s is empty. Run `bale check`.", catalogue->path);
    default:
        return false;
    }
}

static bool start_tables(struct catalogue *catalogue, const uint8_t uuid[16], bool create, bool is_readonly,
                         struct error *error)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(catalogue->env, NULL, is_readonly ? MDB_RDONLY : 0, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    if (!open_tables(catalogue, txn, is_readonly ? 0 : MDB_CREATE, error) ||
        !match_uuid(catalogue, txn, uuid, create, error)) {
        mdb_txn_abort(txn);
        return false;
    }
    result = mdb_txn_commit(txn);
    return result == 0 || catalogue_failed(result, error, "commit");
}

/* LMDB would fault on the first page that is missing: better to say so. */
static bool check_size(const struct catalogue *catalogue, struct error *error)
{
    struct stat status;
    uint64_t used =
        catalogue_used_bytes(catalogue); /* first: a writer elsewhere grows the file before its pages count */
    if (stat(catalogue->path, &status) != 0)
        return error_set_errno(error, errno, "%s", catalogue->path);
    if ((uint64_t)status.st_size < used)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "%s was cut: it has %lld bytes, its pages need %llu. Run `bale check`.", catalogue->path,
                         (long long)status.st_size, (unsigned long long)used);
    return true;
}

static bool open_environment(const char *folder, uint64_t max_bytes, const uint8_t uuid[16], bool create,
                             bool is_readonly, struct catalogue *ret_catalogue, struct error *error)
{
    struct catalogue *catalogue = ret_catalogue;
    *catalogue = (struct catalogue){.map_bytes = max_bytes};
    (void)snprintf(catalogue->path, sizeof catalogue->path, "%s/catalogue/data.mdb", folder);
    struct stat status;
    if (!create && stat(catalogue->path, &status) != 0)
        return error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, NULL,
                         "%s is missing. `bale check --repair` rebuilds it from the volumes.", catalogue->path);
    int result = mdb_env_create(&catalogue->env);
    if (result != 0)
        return catalogue_failed(result, error, "create");
    char directory[STORE_PATH_BYTES_MAX + 16];
    (void)snprintf(directory, sizeof directory, "%s/catalogue", folder);
    if ((result = mdb_env_set_maxdbs(catalogue->env, TABLES_MAX)) != 0 ||
        (result = mdb_env_set_maxreaders(catalogue->env, READERS_MAX)) != 0 ||
        (result = mdb_env_set_mapsize(catalogue->env, max_bytes)) != 0 ||
        (result = mdb_env_open(catalogue->env, directory, MDB_NOTLS | MDB_NORDAHEAD | (is_readonly ? MDB_RDONLY : 0),
                               0644)) != 0) {
        catalogue_failed(result, error, catalogue->path);
        mdb_env_close(catalogue->env);
        return false;
    }
    if (!is_readonly)
        catalogue_check_readers(catalogue);
    guard_map(catalogue);
    if (check_size(catalogue, error) && start_tables(catalogue, uuid, create, is_readonly, error))
        return true;
    catalogue_close(catalogue);
    return false;
}

bool catalogue_open(const char *folder, uint64_t max_bytes, const uint8_t uuid[16], bool create,
                    struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, create, false, ret_catalogue, error);
}

bool catalogue_open_readonly(const char *folder, uint64_t max_bytes, const uint8_t uuid[16],
                             struct catalogue *ret_catalogue, struct error *error)
{
    return open_environment(folder, max_bytes, uuid, false, true, ret_catalogue, error);
}

void catalogue_check_readers(const struct catalogue *catalogue)
{
    int dead;
    (void)mdb_reader_check(catalogue->env, &dead);
}

void catalogue_close(struct catalogue *catalogue)
{
    release_map(catalogue);
    mdb_env_close(catalogue->env);
    catalogue->env = NULL;
}
