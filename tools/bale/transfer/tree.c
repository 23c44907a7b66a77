/* tools/bale/transfer/tree.c -- lists, and gets what is listed. */
#include "tools/bale/transfer/tree.h"

#include "runtime/base/assert.h"
#include "s3client/operations.h"
#include "tools/bale/transfer/crew.h"
#include "tools/bale/transfer/file_set.h"
#include "tools/bale/transfer/patience.h"
#include "tools/bale/transfer/tree_path.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    SMALL_BYTES = 1 << 20, /* up to here an object is read by one request */
    PAGE_BYTES_MAX = 32 << 20,
    ATTEMPTS_MAX = 4,
};

/* One listed object. */
struct item {
    uint64_t size;
    int64_t modified_ms;
    char etag[S3_ETAG_BYTES];
    size_t key_size; /* of its beginning, if it is too long */
    bool is_too_long;
    uint8_t key[S3_KEY_BYTES_MAX];
};

struct tree {
    const struct tree_settings *settings;
    struct tree_result *result;
    size_t base_size; /* of the keys, which is not in their paths */
    struct arena arena;
    struct s3_list_page page;
    unsigned page_at;
    struct buffer continuation;
    bool is_listing;
    bool is_listed;
    uint64_t listed_bytes; /* that are to be got */
    bool is_large_busy;
    struct file_set files;
    struct wait_queue changed; /* the page, `is_large_busy` */
};

struct worker {
    struct tree *tree;
    struct item item;
    uint8_t bytes[SMALL_BYTES];
};

/* ---- listing ---- */

static void show_total(struct tree *tree)
{
    tree->settings->download.meter->total_bytes = tree->is_listed ? tree->listed_bytes : 0;
}

static bool take_page(struct tree *tree, struct error *error)
{
    buffer_clear(&tree->continuation);
    buffer_append(&tree->continuation, tree->page.continuation);
    for (unsigned i = 0; i < tree->page.count; i++)
        tree->listed_bytes += tree->page.entries[i].size;
    tree->is_listed = !tree->page.is_truncated;
    show_total(tree);
    return tree->is_listed || tree->continuation.size > 0 ||
           error_set(error, ERROR_DAMAGED, NULL, "the server's list goes on, and it does not say where");
}

SUSPENDS static bool list_page(struct tree *tree, struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.bucket = tree->settings->bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = tree->settings->prefix,
                                            .continuation = buffer_span(&tree->continuation)};
    struct patience patience = {0};
    do {
        arena_reset(&tree->arena);
        tree->page = (struct s3_list_page){0};
        tree->page_at = 0;
        if (s3_client_list_objects(tree->settings->download.session->client, &call, &request, &tree->arena, &tree->page,
                                   &answer, error))
            return take_page(tree, error);
    } while (patience_wait(&patience, false, error));
    return false;
}
static void take_item(struct tree *tree, struct item *ret_item)
{
    const struct s3_list_entry *entry = &tree->page.entries[tree->page_at++];
    *ret_item = (struct item){.size = entry->size, .modified_ms = entry->modified_ms};
    ret_item->is_too_long = entry->key.size > S3_KEY_BYTES_MAX;
    ret_item->key_size = ret_item->is_too_long ? S3_KEY_BYTES_MAX : entry->key.size;
    memcpy(ret_item->key, entry->key.data, ret_item->key_size);
    if (entry->etag.size < sizeof ret_item->etag)
        memcpy(ret_item->etag, entry->etag.data, entry->etag.size);
}

/* False: there is no other one, or, with *ret_is_good false, it cannot be had. */
SUSPENDS static bool next_item(struct tree *tree, struct item *ret_item, bool *ret_is_good, struct error *error)
{
    while (*ret_is_good && (tree->page_at < tree->page.count || !tree->is_listed)) {
        if (tree->page_at < tree->page.count) {
            take_item(tree, ret_item);
            return true;
        }
        if (tree->is_listing) {
            *ret_is_good = wait_for(&tree->changed, DEADLINE_NONE, error);
            continue;
        }
        tree->is_listing = true;
        *ret_is_good = list_page(tree, error);
        tree->is_listing = false;
        wait_wake_all(&tree->changed);
    }
    return false;
}

/* ---- one object into its file ---- */

SUSPENDS static bool choose(struct worker *worker, const struct remote_object *object, struct object_check *ret_check,
                            struct error *error)
{
    const struct tree_settings *settings = worker->tree->settings;
    return object_check_choose(settings->download.session->client, object, settings->wish, false, ret_check, error);
}

SUSPENDS static bool finish(struct worker *worker, const struct remote_object *object, const struct object_check *check,
                            struct local_file *file, struct error *error)
{
    struct tree *tree = worker->tree;
    const struct local_file_facts facts = {
        .modified_ms = object->modified_ms, .etag = object->etag, .is_synced = tree->settings->is_synced};
    if (!local_file_finish(file, &facts, error))
        return false;
    tree->result->objects++;
    tree->result->bytes += object->size;
    tree->result->unverified += check->algorithm == CHECKSUM_NONE;
    return true;
}

static bool compare_bytes(const struct object_check *check, struct span bytes, struct error *error)
{
    struct object_sum sum;
    object_sum_begin(&sum, check);
    object_sum_update(&sum, bytes);
    return object_sum_end(&sum, error);
}

SUSPENDS static bool read_body(struct worker *worker, struct s3_answer *answer, size_t size, struct error *error)
{
    size_t filled = 0;
    while (filled < size) {
        size_t got;
        if (!s3_answer_read(answer, worker->bytes + filled, size - filled, &got, error))
            return false;
        if (got == 0)
            return error_set(error, ERROR_CLOSED, NULL, "the answer ended too early");
        filled += got;
    }
    return true;
}

/* By one request. *ret_is_other: it was larger, did not come, or came damaged; the long way can do what this cannot. */
SUSPENDS static bool fetch_small(struct worker *worker, struct remote_object *object, struct local_file *file,
                                 bool *ret_is_other, struct error *error)
{
    struct s3_answer answer;
    struct object_check check;
    *ret_is_other = true;
    if (!remote_object_open_whole(worker->tree->settings->download.session->client, object, &answer, error))
        return false;
    bool is_read = object->size <= SMALL_BYTES && read_body(worker, &answer, (size_t)object->size, error);
    s3_answer_close(&answer);
    if (!is_read || !choose(worker, object, &check, error))
        return false;
    struct span bytes = span_of(worker->bytes, (size_t)object->size);
    bool is_done = compare_bytes(&check, bytes, error);
    *ret_is_other = !is_done;
    if (is_done) {
        worker->tree->settings->download.meter->done_bytes += object->size;
        is_done = local_file_prepare(file, 0, true, true, error) && local_file_write(file, bytes, 0, error) &&
                  finish(worker, object, &check, file, error);
    }
    object_check_free(&check);
    return is_done;
}

SUSPENDS static bool look_patiently(struct tree *tree, struct remote_object *object, struct error *error)
{
    struct patience patience = {0};
    while (!remote_object_look(tree->settings->download.session->client, object, error)) {
        if (!patience_wait(&patience, false, error))
            return false;
    }
    return true;
}

/* In parts, one object at a time: each takes all connections that it may have. */
SUSPENDS static bool fetch_large(struct worker *worker, struct remote_object *object, struct local_file *file,
                                 struct error *error)
{
    struct tree *tree = worker->tree;
    struct object_check check;
    while (tree->is_large_busy) {
        if (!wait_for(&tree->changed, DEADLINE_NONE, error))
            return false;
    }
    tree->is_large_busy = true;
    bool is_done = look_patiently(tree, object, error) && choose(worker, object, &check, error);
    if (is_done) {
        is_done = download_to_file(&tree->settings->download, object, &check, file, error) &&
                  finish(worker, object, &check, file, error);
        object_check_free(&check);
    }
    tree->is_large_busy = false;
    wait_wake_all(&tree->changed);
    return is_done;
}

SUSPENDS static bool fetch_object(struct worker *worker, struct local_file *file, struct error *error)
{
    struct remote_object object = {.bucket = worker->tree->settings->bucket,
                                   .key = span_of(worker->item.key, worker->item.key_size)};
    for (unsigned attempt = 1;; attempt++) {
        bool is_large = worker->item.size > SMALL_BYTES;
        if (!is_large && fetch_small(worker, &object, file, &is_large, error))
            return true;
        if (is_large && fetch_large(worker, &object, file, error))
            return true;
        if (error->kind != ERROR_CHANGED || !worker->tree->settings->restarts || attempt == ATTEMPTS_MAX)
            return false;
    }
}

/* ---- one item ---- */

/* A path that holds a NUL matches nothing, and is refused as a path. */
static bool is_chosen(const struct tree_settings *settings, struct span path)
{
    char text[S3_KEY_BYTES_MAX + 1];
    if (span_find(path, '\0') != SIZE_MAX)
        return true;
    memcpy(text, path.data, path.size);
    text[path.size] = '\0';
    return (settings->include == NULL || fnmatch(settings->include, text, 0) == 0) &&
           (settings->exclude == NULL || fnmatch(settings->exclude, text, 0) != 0);
}

static void leave_out(struct tree *tree, const struct item *item)
{
    tree->listed_bytes -= item->size;
    show_total(tree);
}

/* Was the listed object got by an earlier run, and has nobody touched its file since? Last-Modified, which the file
 * then has, is in whole seconds; hardly a change of the file is. */
static bool is_there_already(int folder, const char *name, const struct stat *found, const struct item *item)
{
    char etag[S3_ETAG_BYTES] = "";
    if (!S_ISREG(found->st_mode) || (uint64_t)found->st_size != item->size || item->etag[0] == '\0' ||
        found->st_mtim.tv_sec != item->modified_ms / 1000 || found->st_mtim.tv_nsec != 0)
        return false;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    (void)fgetxattr(fd, LOCAL_FILE_ETAG_ATTRIBUTE, etag, sizeof etag - 1);
    (void)close(fd);
    return strcmp(etag, item->etag) == 0;
}

/* Into the open folder, which is closed here. */
SUSPENDS static bool get_file(struct worker *worker, int folder, struct span name, struct error *error)
{
    struct tree *tree = worker->tree;
    struct stat found;
    struct local_file file;
    char text[NAME_MAX + 1] = "";
    memcpy(text, name.data, name.size);
    bool is_there = fstatat(folder, text, &found, AT_SYMLINK_NOFOLLOW) == 0;
    bool is_taken = is_there && file_set_has(&tree->files, &found);
    if (!is_taken && is_there && is_there_already(folder, text, &found, &worker->item)) {
        (void)close(folder);
        file_set_add(&tree->files, &found);
        tree->result->skipped++;
        leave_out(tree, &worker->item);
        return true;
    }
    if (is_taken) {
        (void)close(folder);
        return error_set(error, ERROR_CONFLICT, NULL,
                         "another key has become this file already: the file system does not tell the two apart");
    }
    if (!local_file_open(folder, name, &file, error))
        return false;
    bool is_done = fetch_object(worker, &file, error);
    if (is_done && fstat(file.fd, &found) == 0)
        file_set_add(&tree->files, &found);
    local_file_close(&file);
    return is_done;
}

SUSPENDS static bool get_item(struct worker *worker, struct error *error)
{
    struct tree *tree = worker->tree;
    struct span folder_path;
    struct span name;
    struct span path = span_skip(span_of(worker->item.key, worker->item.key_size), tree->base_size);
    if (worker->item.is_too_long)
        return error_set(error, ERROR_INVALID, NULL, "the key has more than %d bytes", S3_KEY_BYTES_MAX);
    if (path.size == 0)
        return true; /* the folder itself */
    if (!is_chosen(tree->settings, path)) {
        leave_out(tree, &worker->item);
        return true;
    }
    if (!tree_path_split(path, &folder_path, &name, error))
        return false;
    if (name.size == 0 && worker->item.size > 0)
        return error_set(error, ERROR_INVALID, NULL, "the key ends in a slash as folders do, and it has bytes");
    int folder = tree_path_open_folder(tree->settings->root, folder_path, error);
    if (folder < 0)
        return false;
    if (name.size == 0)
        return close(folder) == 0;
    return get_file(worker, folder, name, error);
}

/* What will not go better with the next object. */
static bool is_final(const struct error *error)
{
    return error->kind == ERROR_FULL || error->kind == ERROR_IO || error->kind == ERROR_CLOSED ||
           error->kind == ERROR_TIMED_OUT || error->kind == ERROR_BUSY || error->kind == ERROR_CANCELLED;
}

SUSPENDS static bool get_items(void *context, struct error *error)
{
    struct tree *tree = context;
    struct worker *worker = malloc(sizeof *worker);
    bool is_to_go_on = true;
    ASSERT(worker != NULL);
    worker->tree = tree;
    while (is_to_go_on && next_item(tree, &worker->item, &is_to_go_on, error)) {
        if (get_item(worker, error))
            continue;
        tree->result->failed++;
        is_to_go_on = !is_final(error);
        if (error->kind != ERROR_CANCELLED)
            tree->settings->tell(span_of(worker->item.key, worker->item.key_size), error);
    }
    free(worker);
    return is_to_go_on;
}

SUSPENDS bool tree_fetch(const struct tree_settings *settings, struct tree_result *ret_result, struct error *error)
{
    struct tree tree = {.settings = settings, .result = ret_result};
    const uint8_t *slash =
        settings->prefix.size == 0 ? NULL : memrchr(settings->prefix.data, '/', settings->prefix.size);
    tree.base_size = slash == NULL ? 0 : (size_t)(slash - settings->prefix.data) + 1;
    *ret_result = (struct tree_result){0};
    arena_init(&tree.arena, PAGE_BYTES_MAX);
    buffer_init(&tree.continuation, PAGE_BYTES_MAX);
    wait_queue_init(&tree.changed);
    bool is_done = crew_run("tree", settings->download.connections, get_items, &tree, error);
    file_set_free(&tree.files);
    buffer_free(&tree.continuation);
    arena_free(&tree.arena);
    return is_done;
}
