/* tests/unit/embedded/flips.c -- finds bytes of a catalogue in its file, and flips bits of them. */
#include "tests/unit/embedded/flips.h"

#include "store/embedded/catalogue/folder.h"
#include "store/embedded/catalogue/key_path.h"
#include "store/embedded/catalogue/pages.h"
#include "tests/unit/embedded/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void flips_copy_folder(const char *from, char ret_path[64])
{
    char command[256];
    folder_make(ret_path);
    (void)snprintf(command, sizeof command, "cp -a --sparse=always %s/. %s", from, ret_path);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* LMDB does not tell where its map is; the kernel does. */
const char *flips_map(const char *path)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    char file[160];
    unsigned long start = 0;
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    while (start == 0 && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, file) != NULL)
            start = strtoul(line, NULL, 16);
    }
    (void)fclose(maps);
    ck_assert_uint_ne(start, 0);
    return (const char *)start; /* NOLINT(performance-no-int-to-ptr) */
}

void flips_view_open(struct flips_view *view, const char *path)
{
    struct folder folder;
    struct error error;
    ck_assert(folder_open(path, false, random_system(), &folder, &error));
    ck_assert(catalogue_open_readonly(path, 1 << 30, folder.uuid, &view->catalogue, &error));
    folder_close(&folder);
    view->map = flips_map(path);
    ck_assert_int_eq(mdb_txn_begin(view->catalogue.env, NULL, MDB_RDONLY, &view->txn), 0);
}

void flips_view_close(struct flips_view *view)
{
    mdb_txn_abort(view->txn);
    catalogue_close(&view->catalogue);
}

long flips_place(const struct flips_view *view, const void *byte)
{
    return (long)((const char *)byte - view->map);
}

void flips_flip(const char *path, long at, unsigned bit)
{
    char file[160];
    uint8_t byte;
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    int fd = open(file, O_RDWR);
    ck_assert_msg(fd >= 0 && pread(fd, &byte, 1, at) == 1, "%s has no byte %ld", file, at);
    byte ^= (uint8_t)(1U << bit);
    ck_assert(pwrite(fd, &byte, 1, at) == 1);
    close(fd);
}

void flips_damage(const char *path, long at)
{
    flips_flip(path, at, 3);
    flips_flip(path, at, 6);
}

unsigned flips_branch_keys(const char *path, long *ret_places, unsigned max)
{
    char file[160];
    struct page_file pages;
    struct error error;
    unsigned count = 0;
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    ck_assert(page_file_open(file, &pages, &error));
    for (uint64_t number = PAGES_FIRST; number < pages.count; number++) {
        const uint8_t *page = page_at(&pages, number);
        struct page_head head = page_head_read(page);
        for (unsigned i = 1; head.number == number && head.flags == PAGE_BRANCH && i < page_count(&head); i++) {
            struct page_node node;
            ck_assert(page_node_at(page, &head, i, &node));
            if (node.key.size > KEY_GROUP_BYTES && count < max)
                ret_places[count++] = node.key.data + KEY_GROUP_BYTES - pages.map;
        }
    }
    page_file_close(&pages);
    return count;
}
