/* store/embedded/catalogue/pages.c -- the bytes of an LMDB 0.9 file. */
#include "store/embedded/catalogue/pages.h"

#include "runtime/base/byteorder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_BYTES = 16,
    NODE_BYTES = 8,
    AT_META_VERSION = HEAD_BYTES + 4,
    AT_META_ADDRESS = HEAD_BYTES + 8,
    AT_META_FREE = HEAD_BYTES + 24,
    AT_META_TABLES = AT_META_FREE + PAGES_TREE_BYTES,
    AT_META_LAST_PAGE = AT_META_TABLES + PAGES_TREE_BYTES,
    AT_META_TRANSACTION = AT_META_LAST_PAGE + 8,
    META_VERSION = 1,
};
#define META_MAGIC UINT32_C(0xbeefc0de)

bool page_file_open(const char *path, struct page_file *ret_file, struct error *error)
{
    struct stat status;
    *ret_file = (struct page_file){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "%s", path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    ret_file->count = (uint64_t)status.st_size / PAGES_BYTES;
    void *map = ret_file->count < PAGES_FIRST ? MAP_FAILED
                                              : mmap(NULL, ret_file->count * PAGES_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    int saved = errno;
    close(fd);
    if (ret_file->count < PAGES_FIRST)
        return error_set(error, ERROR_DAMAGED, NULL, "%s was cut: it has %lld bytes. Run `bale check`.", path,
                         (long long)status.st_size);
    if (map == MAP_FAILED)
        return error_set_errno(error, saved, "%s", path);
    ret_file->map = map;
    return true;
}

void page_file_close(struct page_file *file)
{
    if (file->map != NULL)
        (void)munmap((void *)(uintptr_t)file->map, file->count * PAGES_BYTES);
    *file = (struct page_file){0};
}

struct page_tree page_tree_load(const uint8_t bytes[PAGES_TREE_BYTES])
{
    return (struct page_tree){
        .pad = load_u32_le(bytes),
        .flags = load_u16_le(bytes + 4),
        .depth = load_u16_le(bytes + 6),
        .branch_pages = load_u64_le(bytes + 8),
        .leaf_pages = load_u64_le(bytes + 16),
        .overflow_pages = load_u64_le(bytes + 24),
        .entries = load_u64_le(bytes + 32),
        .root = load_u64_le(bytes + 40),
    };
}

void page_meta_read(const struct page_file *file, unsigned which, struct page_meta *ret_meta)
{
    const uint8_t *page = file->map + (size_t)which * PAGES_BYTES;
    struct page_head head = page_head_read(page);
    *ret_meta = (struct page_meta){
        .has_magic =
            load_u32_le(page + HEAD_BYTES) == META_MAGIC && load_u32_le(page + AT_META_VERSION) == META_VERSION,
        .page_flags = head.flags,
        .page_number = head.number,
        .address = load_u64_le(page + AT_META_ADDRESS),
        .last_page = load_u64_le(page + AT_META_LAST_PAGE),
        .transaction = load_u64_le(page + AT_META_TRANSACTION),
        .free = page_tree_load(page + AT_META_FREE),
        .tables = page_tree_load(page + AT_META_TABLES),
    };
}

const uint8_t *page_at(const struct page_file *file, uint64_t number)
{
    return number < file->count ? file->map + number * PAGES_BYTES : NULL;
}

struct page_head page_head_read(const uint8_t *page)
{
    return (struct page_head){
        .number = load_u64_le(page),
        .pad = load_u16_le(page + 8),
        .flags = load_u16_le(page + 10),
        .lower = load_u16_le(page + 12),
        .upper = load_u16_le(page + 14),
        .pages = load_u32_le(page + 12),
    };
}

unsigned page_count(const struct page_head *head)
{
    unsigned lower = head->lower < PAGES_BYTES ? head->lower : PAGES_BYTES;
    return lower < HEAD_BYTES ? 0 : (lower - HEAD_BYTES) / 2;
}

bool page_node_at(const uint8_t *page, const struct page_head *head, unsigned index, struct page_node *ret_node)
{
    uint32_t at = load_u16_le(page + HEAD_BYTES + 2 * (size_t)index);
    if (at < head->upper || at < HEAD_BYTES || at > PAGES_BYTES - NODE_BYTES)
        return false;
    const uint8_t *node = page + at;
    uint32_t low = load_u32_le(node);
    uint32_t key_bytes = load_u16_le(node + 6);
    uint32_t left = PAGES_BYTES - at - NODE_BYTES;
    *ret_node = (struct page_node){.flags = load_u16_le(node + 4)};
    if (key_bytes > left)
        return false;
    ret_node->key = span_of(node + NODE_BYTES, key_bytes);
    left -= key_bytes;
    if (head->flags == PAGE_BRANCH) {
        ret_node->child = low | (uint64_t)ret_node->flags << 32;
        ret_node->bytes = NODE_BYTES + key_bytes;
        return true;
    }
    bool is_big = (ret_node->flags & PAGE_NODE_BIG) != 0;
    uint32_t stored = is_big ? 8 : low;
    if (stored > left)
        return false;
    ret_node->value_bytes = low;
    ret_node->value = is_big ? SPAN_EMPTY : span_of(node + NODE_BYTES + key_bytes, stored);
    ret_node->child = is_big ? load_u64_le(node + NODE_BYTES + key_bytes) : 0;
    ret_node->bytes = NODE_BYTES + key_bytes + stored;
    return true;
}

bool page_big_value(const struct page_file *file, const struct page_node *node, struct span *ret_value,
                    uint32_t *ret_pages)
{
    const uint8_t *page = page_at(file, node->child);
    if (page == NULL || node->child < PAGES_FIRST)
        return false;
    struct page_head head = page_head_read(page);
    *ret_pages = head.pages;
    uint64_t least =
        (HEAD_BYTES - 1 + node->value_bytes) / PAGES_BYTES + 1; /* a shorter value may follow a longer one */
    if (head.flags != PAGE_OVERFLOW || head.number != node->child || head.pages < least ||
        head.pages > file->count - node->child)
        return false;
    *ret_value = span_of(page + HEAD_BYTES, node->value_bytes);
    return true;
}
