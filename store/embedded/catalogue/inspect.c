/* store/embedded/catalogue/inspect.c -- walks all pages of a catalogue and compares them with each other. */
#include "store/embedded/catalogue/inspect.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/log/log.h"
#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/guard.h"
#include "store/embedded/catalogue/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HEAD_BYTES = 16, CLOCK_PAGES = 1024, FREE_TREE_FLAGS = 8 /* MDB_INTEGERKEY */ };

struct inspecting {
    const char *path;
    struct page_file file;
    struct page_meta meta;
    uint64_t *seen; /* a bit for each page: something leads to it */
    struct inspection result;
    uint64_t until_ns;
    const _Atomic bool *is_stopped; /* NULL: only the time ends it */
    bool has_any_order;             /* of rows' keys: that is not looked at */
    struct error *error;
};

enum tree_kind { TREE_FREE, TREE_TABLES, TREE_ROWS };

/* One tree on its way. */
struct tree {
    struct inspecting *inspecting;
    enum tree_kind kind;
    const char *name;
    struct page_tree stated;
    struct page_tree found;
};

static bool damaged(const struct tree *tree, uint64_t page, const char *what)
{
    const struct inspecting *inspecting = tree->inspecting;
    return error_set(inspecting->error, ERROR_DAMAGED, NULL, "%s is damaged (page %llu, %s: %s). Run `bale check`.",
                     inspecting->path, (unsigned long long)page, tree->name, what);
}

/* A page that is in use is not there. That a free one is not is sound: a transaction that gave back what it took at the
 * end has not written it. */
static bool was_cut(const struct tree *tree)
{
    const struct inspecting *inspecting = tree->inspecting;
    return error_set(inspecting->error, ERROR_DAMAGED, NULL,
                     "%s was cut: it has %llu pages and needs up to %llu. Run `bale check`.", inspecting->path,
                     (unsigned long long)inspecting->file.count, (unsigned long long)inspecting->meta.last_page + 1);
}

/* ---- pages that are led to ---- */

static bool lead_to(const struct tree *tree, uint64_t from, uint64_t page, uint64_t count)
{
    struct inspecting *inspecting = tree->inspecting;
    if (page < PAGES_FIRST || page > inspecting->meta.last_page || count > inspecting->meta.last_page - page + 1)
        return damaged(tree, from, "it leads out of the file");
    for (uint64_t i = page; i < page + count; i++) {
        if ((inspecting->seen[i / 64] >> i % 64 & 1) != 0)
            return damaged(tree, from, "it leads to a page that is in use elsewhere");
        inspecting->seen[i / 64] |= UINT64_C(1) << i % 64;
    }
    inspecting->result.pages += tree->kind == TREE_FREE ? 0 : count;
    return true;
}

/* ---- keys in order ---- */

struct bounds {
    struct span low;  /* no key is less; empty: no bound */
    struct span high; /* all are less; empty: no bound */
};

static int compare(const struct tree *tree, struct span a, struct span b)
{
    if (tree->kind != TREE_FREE)
        return span_compare(a, b);
    uint64_t left = load_u64_le(a.data); /* both have eight bytes */
    uint64_t right = load_u64_le(b.data);
    return left < right ? -1 : left > right;
}

static bool is_key(const struct tree *tree, struct span key)
{
    return tree->kind == TREE_FREE ? key.size == 8 : key.size > 0 && key.size <= PAGES_KEY_BYTES_MAX;
}

/* `last`: the key before it on the page; empty: there is none. */
static bool is_in_order(const struct tree *tree, struct span key, struct span last, const struct bounds *bounds)
{
    if (tree->kind == TREE_ROWS && tree->inspecting->has_any_order)
        return true;
    return (last.size == 0 || compare(tree, last, key) < 0) &&
           (bounds->low.size == 0 || compare(tree, bounds->low, key) <= 0) &&
           (bounds->high.size == 0 || compare(tree, key, bounds->high) < 0);
}

/* ---- entries of leaves ---- */

static bool walk_tree(struct tree *tree);

/* The newest first: u64 count, then pages in falling order. */
static bool look_at_free_list(struct tree *tree, uint64_t page, struct span key, struct span list)
{
    uint64_t count = list.size < 8 ? UINT64_MAX : load_u64_le(list.data);
    uint64_t last = UINT64_MAX;
    if (load_u64_le(key.data) > tree->inspecting->meta.transaction || list.size % 8 != 0 || count > list.size / 8 - 1)
        return damaged(tree, page, "a list of free pages has a wrong size or age");
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t free_page = load_u64_le(list.data + 8 * i);
        if (free_page >= last)
            return damaged(tree, page, "a list of free pages is out of order");
        if (!lead_to(tree, page, free_page, 1))
            return false;
        last = free_page;
    }
    return true;
}

static bool look_at_table(struct tree *tree, uint64_t page, const struct page_node *node)
{
    char name[32] = "";
    memcpy(name, node->key.data, node->key.size < sizeof name ? node->key.size : sizeof name - 1);
    if (node->flags != PAGE_NODE_TREE || node->value.size != PAGES_TREE_BYTES || !catalogue_has_table(name))
        return damaged(tree, page, "a table has a wrong name or root");
    struct tree rows = {
        .inspecting = tree->inspecting, .kind = TREE_ROWS, .name = name, .stated = page_tree_load(node->value.data)};
    if (rows.stated.flags != 0 || rows.stated.pad != 0)
        return damaged(tree, page, "a table's root has wrong flags");
    return walk_tree(&rows);
}

/* *ret_sound: the value matches its checksum, so that its key is right. */
static bool look_at_entry(struct tree *tree, uint64_t page, const struct page_node *node, bool *ret_sound)
{
    struct span value = node->value;
    uint32_t pages = 0;
    bool is_big = (node->flags & PAGE_NODE_BIG) != 0;
    *ret_sound = true;
    if (node->flags != (is_big ? PAGE_NODE_BIG : 0) && tree->kind != TREE_TABLES)
        return damaged(tree, page, "an entry has wrong flags");
    if (is_big) {
        if (!page_big_value(&tree->inspecting->file, node, &value, &pages))
            return damaged(tree, page, "a large value is not where it should be");
        if (!lead_to(tree, page, node->child, pages))
            return false;
        tree->found.overflow_pages += pages;
    }
    if (tree->kind == TREE_FREE)
        return look_at_free_list(tree, page, node->key, value);
    if (tree->kind == TREE_TABLES)
        return look_at_table(tree, page, node);
    const MDB_val lmdb_key = {node->key.size, (void *)(uintptr_t)node->key.data};
    const MDB_val lmdb_value = {value.size, (void *)(uintptr_t)value.data};
    *ret_sound = catalogue_is_sound(&lmdb_key, &lmdb_value);
    tree->inspecting->result.rows++;
    tree->inspecting->result.damaged_rows += !*ret_sound;
    return true;
}

/* ---- pages ---- */

/* The head of a page, and that its entries fill what it says, each once. */
static bool look_at_page(const struct tree *tree, uint64_t number, enum page_kind kind, const uint8_t *page,
                         struct page_head *ret_head)
{
    *ret_head = page_head_read(page);
    const struct page_head *head = ret_head;
    if (head->number != number || head->flags != kind || head->pad != 0)
        return damaged(tree, number, "it is another page than it should be");
    if (head->lower < HEAD_BYTES || head->lower % 2 != 0 || head->upper < head->lower || head->upper > PAGES_BYTES)
        return damaged(tree, number, "its head is wrong");
    uint32_t filled = 0;
    for (unsigned i = 0; i < page_count(head); i++) {
        struct page_node node;
        if (!page_node_at(page, head, i, &node))
            return damaged(tree, number, "an entry does not lie in it");
        filled += (node.bytes + 1) & ~1U;
    }
    return filled == PAGES_BYTES - (uint32_t)head->upper || damaged(tree, number, "its entries do not fill it");
}

static bool walk_leaf(struct tree *tree, uint64_t number, const uint8_t *page, const struct page_head *head,
                      const struct bounds *bounds)
{
    struct span last = SPAN_EMPTY;
    for (unsigned i = 0; i < page_count(head); i++) {
        struct page_node node;
        bool is_sound = false;
        (void)page_node_at(page, head, i, &node);
        if (!is_key(tree, node.key))
            return damaged(tree, number, "a key has a wrong size");
        if (!look_at_entry(tree, number, &node, &is_sound))
            return false;
        tree->found.entries++;
        if (!is_sound)
            continue; /* its key, too, may be what is damaged */
        if (!is_in_order(tree, node.key, last, bounds))
            return damaged(tree, number, "its keys are out of order");
        last = node.key;
    }
    return page_count(head) > 0 || damaged(tree, number, "it is empty");
}

static bool is_time_over(struct inspecting *inspecting)
{
    if (inspecting->is_stopped != NULL)
        inspecting->result.is_cut_off |= atomic_load_explicit(inspecting->is_stopped, memory_order_relaxed);
    if (inspecting->until_ns != UINT64_MAX && inspecting->result.pages % CLOCK_PAGES == 0)
        inspecting->result.is_cut_off |= clock_monotonic_ns(clock_system()) >= inspecting->until_ns;
    return inspecting->result.is_cut_off;
}

/* Half of the walk is waiting for memory: what is walked next comes meanwhile. */
static void expect_page(const struct tree *tree, uint64_t number)
{
    enum { CACHE_LINE_BYTES = 64 };
    const uint8_t *page = page_at(&tree->inspecting->file, number);
    for (size_t at = 0; page != NULL && at < PAGES_BYTES; at += CACHE_LINE_BYTES)
        __builtin_prefetch(page + at);
}

static bool walk_page(struct tree *tree, uint64_t from, uint64_t number, unsigned level, const struct bounds *bounds);

/* The first child has no key: it begins where the page does. */
static bool walk_branch(struct tree *tree, uint64_t number, const uint8_t *page, const struct page_head *head,
                        unsigned level, const struct bounds *bounds)
{
    unsigned count = page_count(head);
    if (count == 0)
        return damaged(tree, number, "it is empty");
    for (unsigned i = 0; i < count; i++) {
        struct page_node node;
        struct page_node next;
        (void)page_node_at(page, head, i, &node);
        struct bounds within = *bounds;
        if (i > 0)
            within.low = node.key;
        if (i + 1 < count) {
            (void)page_node_at(page, head, i + 1, &next);
            within.high = next.key;
            expect_page(tree, next.child);
            if (!is_key(tree, next.key) || !is_in_order(tree, next.key, i > 0 ? node.key : SPAN_EMPTY, bounds))
                return damaged(tree, number, "its keys are out of order");
        }
        if (!walk_page(tree, number, node.child, level + 1, &within))
            return false;
    }
    return true;
}

static bool walk_page(struct tree *tree, uint64_t from, uint64_t number, unsigned level, const struct bounds *bounds)
{
    struct page_head head;
    const uint8_t *page = page_at(&tree->inspecting->file, number);
    bool is_leaf = level == tree->stated.depth;
    if (is_time_over(tree->inspecting))
        return true;
    if (!lead_to(tree, from, number, 1))
        return false;
    if (page == NULL)
        return was_cut(tree);
    if (!look_at_page(tree, number, is_leaf ? PAGE_LEAF : PAGE_BRANCH, page, &head))
        return false;
    tree->found.leaf_pages += is_leaf;
    tree->found.branch_pages += !is_leaf;
    return is_leaf ? walk_leaf(tree, number, page, &head, bounds)
                   : walk_branch(tree, number, page, &head, level, bounds);
}

static bool walk_tree(struct tree *tree)
{
    const struct page_tree *stated = &tree->stated;
    const struct bounds none = {SPAN_EMPTY, SPAN_EMPTY};
    bool is_empty = stated->root == PAGES_NONE;
    if (stated->depth > PAGES_DEPTH_MAX || is_empty != (stated->depth == 0))
        return damaged(tree, 0, "its depth is wrong");
    if (!is_empty && !walk_page(tree, 0, stated->root, 1, &none))
        return false;
    if (tree->inspecting->result.is_cut_off)
        return true;
    return (tree->found.branch_pages == stated->branch_pages && tree->found.leaf_pages == stated->leaf_pages &&
            tree->found.overflow_pages == stated->overflow_pages && tree->found.entries == stated->entries) ||
           damaged(tree, stated->root, "it says that it has more or less than there is");
}

/* ---- the whole ---- */

/* Both metas, since LMDB looks at both. A transaction writes the meta that the last one did not. */
static bool choose_meta(struct inspecting *inspecting)
{
    const struct tree file = {.inspecting = inspecting, .name = "meta"};
    struct page_meta metas[2];
    for (unsigned i = 0; i < 2; i++) {
        page_meta_read(&inspecting->file, i, &metas[i]);
        const struct page_meta *meta = &metas[i];
        if (!meta->has_magic || meta->page_flags != PAGE_META || meta->page_number != i || meta->address != 0 ||
            meta->free.pad != PAGES_BYTES || meta->free.flags != FREE_TREE_FLAGS || meta->tables.flags != 0 ||
            meta->tables.pad != 0)
            return damaged(&file, i, "it is no meta of a catalogue");
    }
    bool is_new = metas[0].transaction == 0 && metas[1].transaction == 0;
    unsigned newest = metas[1].transaction > metas[0].transaction;
    if (!is_new &&
        (metas[newest].transaction % 2 != newest || metas[newest].transaction != metas[1 - newest].transaction + 1))
        return damaged(&file, newest, "its transaction does not follow the other's");
    inspecting->meta = metas[newest];
    return true;
}

static bool walk_all(struct inspecting *inspecting)
{
    struct tree free_pages = {
        .inspecting = inspecting, .kind = TREE_FREE, .name = "free pages", .stated = inspecting->meta.free};
    struct tree tables = {
        .inspecting = inspecting, .kind = TREE_TABLES, .name = "tables", .stated = inspecting->meta.tables};
    (void)madvise((void *)(uintptr_t)inspecting->file.map, inspecting->file.count * PAGES_BYTES, MADV_WILLNEED);
    inspecting->seen = calloc(inspecting->meta.last_page / 64 + 1, sizeof *inspecting->seen);
    ASSERT(inspecting->seen != NULL);
    bool is_sound = walk_tree(&free_pages) && walk_tree(&tables);
    bool is_whole = is_sound && !inspecting->result.is_cut_off;
    for (uint64_t i = PAGES_FIRST; is_whole && i <= inspecting->meta.last_page; i++)
        inspecting->result.lost_pages += (inspecting->seen[i / 64] >> i % 64 & 1) == 0;
    free(inspecting->seen);
    return is_sound;
}

static void close_file(struct inspecting *inspecting)
{
    guard_release(inspecting->file.map);
    page_file_close(&inspecting->file);
}

static bool open_file(struct inspecting *inspecting)
{
    const char *path = inspecting->path;
    if (!page_file_open(path, &inspecting->file, inspecting->error))
        return false;
    guard_map(path, inspecting->file.map, inspecting->file.count * PAGES_BYTES);
    if (choose_meta(inspecting))
        return true;
    close_file(inspecting);
    return false;
}

static bool inspect_file(struct inspecting *inspecting)
{
    bool is_sound = open_file(inspecting) && walk_all(inspecting);
    close_file(inspecting);
    return is_sound;
}

bool catalogue_inspect(const char *path, uint64_t until_ns, struct inspection *ret_inspection, struct error *error)
{
    struct inspecting inspecting = {.path = path, .until_ns = until_ns, .error = error};
    bool is_sound = inspect_file(&inspecting);
    *ret_inspection = inspecting.result;
    return is_sound;
}

struct inspecting *inspecting_begin(const char *path, struct error *error)
{
    struct inspecting *inspecting = calloc(1, sizeof *inspecting);
    ASSERT(inspecting != NULL);
    *inspecting = (struct inspecting){.path = path, .until_ns = UINT64_MAX, .error = error};
    if (open_file(inspecting))
        return inspecting;
    free(inspecting);
    return NULL;
}

bool inspecting_walk(struct inspecting *inspecting, uint64_t until_ns, const _Atomic bool *is_stopped,
                     struct inspection *ret_inspection, struct error *error)
{
    inspecting->until_ns = until_ns;
    inspecting->is_stopped = is_stopped;
    inspecting->error = error;
    bool is_sound = walk_all(inspecting);
    *ret_inspection = inspecting->result;
    return is_sound;
}

void inspecting_end(struct inspecting *inspecting)
{
    if (inspecting != NULL)
        close_file(inspecting);
    free(inspecting);
}

uint64_t inspection_until_ns(void)
{
    return clock_monotonic_ns(clock_system()) + INSPECTION_MS_MAX * UINT64_C(1000000);
}

void inspection_tell(const struct inspection *inspection, const char *path)
{
    if (inspection->damaged_rows > 0)
        log_message(LOG_ERROR,
                    "%llu of %llu rows of %s are damaged: what is asked of them is refused. `bale check` names "
                    "them.",
                    (unsigned long long)inspection->damaged_rows, (unsigned long long)inspection->rows, path);
    if (inspection->is_cut_off)
        log_message(LOG_WARNING,
                    "%s is large: %llu of its pages were looked at, the others are believed. `bale check` "
                    "looks at all.",
                    path, (unsigned long long)inspection->pages);
}

bool catalogue_inspect_pages(const char *path, struct inspection *ret_inspection, struct error *error)
{
    struct inspecting inspecting = {.path = path, .until_ns = UINT64_MAX, .has_any_order = true, .error = error};
    bool is_sound = inspect_file(&inspecting);
    *ret_inspection = inspecting.result;
    if (is_sound && inspecting.result.lost_pages > 0)
        return error_set(error, ERROR_DAMAGED, NULL, "%s has %llu pages that nothing leads to", path,
                         (unsigned long long)inspecting.result.lost_pages);
    return is_sound;
}
