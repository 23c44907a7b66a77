/* store/embedded/catalogue/pages.h -- the bytes of an LMDB 0.9 file, as far as a reader of its pages must know them.
 *
 * LMDB believes its own pages: it has no checksums, and a flipped bit in one leads it out of the file, into an
 * assertion, or to another answer without a word. Who looks at a file that may be damaged looks with this instead,
 * before LMDB is let loose on it. Nothing here depends on the pages being right: what lies outside the file or the page
 * is said so.
 *
 * The file is pages of 4,096 bytes (a catalogue's). 0 and 1 are metas; the one with the greater transaction counts. A
 * meta has the roots of two trees: of free pages, and of tables by name, whose values are the roots of further trees.
 * Numbers are little endian. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PAGES_BYTES = 4096, /* of a page */
    PAGES_FIRST = 2,    /* behind the metas */
    PAGES_DEPTH_MAX = 32,
    PAGES_KEY_BYTES_MAX = 511,
    PAGES_TREE_BYTES = 48, /* of a root as a value */
};
#define PAGES_NONE UINT64_MAX /* the root of an empty tree */

/* A file in memory. Reading a page that its disk cannot give ends the process with a sentence (catalogue.h). */
struct page_file {
    const uint8_t *map;
    uint64_t count; /* whole pages */
};
bool page_file_open(const char *path, struct page_file *ret_file, struct error *error);
void page_file_close(struct page_file *file);

struct page_tree {
    uint32_t pad;
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries;
    uint64_t root;
};
struct page_meta {
    bool has_magic; /* and the version that is known */
    uint16_t page_flags;
    uint64_t page_number;
    uint64_t address, last_page, transaction;
    struct page_tree free, tables;
};
void page_meta_read(const struct page_file *file, unsigned which, struct page_meta *ret_meta);
struct page_tree page_tree_load(const uint8_t bytes[PAGES_TREE_BYTES]);

enum page_kind { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };

/* The head of a page; `pages` of an overflow page, the others have `lower` and `upper`. */
struct page_head {
    uint64_t number;
    uint16_t pad, flags;
    uint16_t lower, upper;
    uint32_t pages;
};
/* NULL: there is no such page in the file. */
const uint8_t *page_at(const struct page_file *file, uint64_t number);
struct page_head page_head_read(const uint8_t *page);
/* Entries, as the head has them; at most what fits into a page. */
unsigned page_count(const struct page_head *head);

enum { PAGE_NODE_BIG = 1, PAGE_NODE_TREE = 2 };

struct page_node {
    struct span key;
    uint64_t child; /* of a branch; of a leaf's big value: its first overflow page */
    uint16_t flags;
    struct span value; /* of a leaf, when it is in the page */
    uint64_t value_bytes;
    uint32_t bytes; /* that it takes in the page */
};
/* False: it does not lie in the page. */
bool page_node_at(const uint8_t *page, const struct page_head *head, unsigned index, struct page_node *ret_node);
/* A big value, which lies in overflow pages one behind the other. False: it does not lie in the file, or its pages are
 * none. *ret_pages: how many there are. */
bool page_big_value(const struct page_file *file, const struct page_node *node, struct span *ret_value,
                    uint32_t *ret_pages);
