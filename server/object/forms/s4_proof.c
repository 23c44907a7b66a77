/* server/object/forms/s4_proof.c -- a shard's table of proofs, and the tags in them. */
#include "server/object/forms/s4_proof.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/list.h"
#include "runtime/base/random.h"
#include "runtime/fiber/errand.h"
#include "runtime/fiber/loop.h"
#include "s3client/wire/s3_error.h"

#include <stdlib.h>

enum { LOOK_MS = 1000 };

void s4_proofs_init(struct s4_proofs *proofs)
{
    list_init(&proofs->list);
    proofs->count = 0;
    proofs->waiters_count = 0;
}

static void forget(struct s4_proofs *proofs, struct s4_proof *proof)
{
    if (list_is_empty(&proof->link))
        return;
    list_remove(&proof->link);
    proofs->count--;
}

static void destroy(struct s4_proof *proof)
{
    ASSERT(proof->users == 0 && wait_queue_is_empty(&proof->waiters));
    explicit_bzero(proof, sizeof *proof);
    free(proof);
}

void s4_proofs_free(struct s4_proofs *proofs)
{
    while (!list_is_empty(&proofs->list)) {
        struct s4_proof *proof = LIST_ELEMENT(proofs->list.next, struct s4_proof, link);
        forget(proofs, proof);
        destroy(proof);
    }
}

/* ---- the table ---- */

static struct s4_proof *look(const struct s4_proofs *proofs, const uint8_t body[SHA256_BYTES])
{
    for (struct list_link *link = proofs->list.next; link != &proofs->list; link = link->next) {
        struct s4_proof *proof = LIST_ELEMENT(link, struct s4_proof, link);
        if (memcmp(proof->body, body, SHA256_BYTES) == 0)
            return proof;
    }
    return NULL;
}

bool s4_proofs_have(const struct s4_proofs *proofs, const uint8_t body[SHA256_BYTES])
{
    return look(proofs, body) != NULL;
}

struct s4_proof *s4_proofs_find(struct s4_proofs *proofs, const uint8_t body[SHA256_BYTES])
{
    struct s4_proof *proof = look(proofs, body);
    if (proof == NULL)
        return NULL;
    list_remove(&proof->link);
    list_append(&proofs->list, &proof->link);
    proof->users++;
    return proof;
}

/* Those that were not used for longest go, but none that is in use: these are as few as the bodies that are read. */
static void keep_at_most(struct s4_proofs *proofs, unsigned kept_max)
{
    struct list_link *next;
    for (struct list_link *link = proofs->list.next; proofs->count > kept_max && link != &proofs->list; link = next) {
        struct s4_proof *proof = LIST_ELEMENT(link, struct s4_proof, link);
        next = link->next;
        if (proof->users > 0)
            continue;
        forget(proofs, proof);
        destroy(proof);
    }
}

struct s4_proof *s4_proofs_begin(struct s4_proofs *proofs, const uint8_t body[SHA256_BYTES], size_t pieces_count)
{
    keep_at_most(proofs, S4_PROOFS_MAX - 1);
    struct s4_proof *proof = calloc(1, sizeof *proof + pieces_count * sizeof proof->pieces[0]);
    if (proof == NULL)
        return NULL;
    memcpy(proof->body, body, SHA256_BYTES);
    random_fill(random_system(), proof->key, sizeof proof->key);
    wait_queue_init(&proof->waiters);
    proof->pieces_count = pieces_count;
    proof->users = 1;
    list_append(&proofs->list, &proof->link);
    proofs->count++;
    return proof;
}

void s4_proofs_drop(struct s4_proofs *proofs, struct s4_proof *proof)
{
    if (proof == NULL)
        return;
    ASSERT(proof->users > 1 || proof->state != S4_PROOF_PENDING); /* whoever reads holds it */
    if (--proof->users == 0 && list_is_empty(&proof->link))
        destroy(proof);
    keep_at_most(proofs, S4_PROOFS_MAX);
}

/* ---- one of them ---- */

static void encode_nonce(size_t number, uint8_t ret_nonce[GCM_NONCE_BYTES])
{
    memset(ret_nonce, 0, GCM_NONCE_BYTES);
    store_u64_be(ret_nonce + GCM_NONCE_BYTES - 8, number);
}

/* A GMAC: a message of nothing, beside which the piece stands. */
void s4_proof_add(struct s4_proof *proof, struct aes *aes, size_t number, struct span sealed)
{
    uint8_t nonce[GCM_NONCE_BYTES];
    ASSERT(proof->state == S4_PROOF_PENDING && number < proof->pieces_count);
    encode_nonce(number, nonce);
    aes_gcm_set_key(aes, proof->key);
    aes_gcm_seal(aes, nonce, sealed, SPAN_EMPTY, NULL, proof->pieces[number].tag);
}

bool s4_proof_check(struct s4_proofs *proofs, struct s4_proof *proof, struct aes *aes, size_t number,
                    struct span sealed)
{
    uint8_t nonce[GCM_NONCE_BYTES];
    ASSERT(proof->state == S4_PROOF_RIGHT && number < proof->pieces_count);
    encode_nonce(number, nonce);
    aes_gcm_set_key(aes, proof->key);
    if (aes_gcm_open(aes, nonce, sealed, SPAN_EMPTY, proof->pieces[number].tag, NULL))
        return true;
    forget(proofs, proof);
    return false;
}

void s4_proof_settle(struct s4_proofs *proofs, struct s4_proof *proof, const uint8_t *opener,
                     const struct error *failure)
{
    ASSERT(proof->state == S4_PROOF_PENDING);
    proof->state = opener != NULL ? S4_PROOF_RIGHT : S4_PROOF_FAILED;
    if (opener != NULL) {
        memcpy(proof->opener, opener, sizeof proof->opener);
    } else {
        proof->failure = *failure;
        forget(proofs, proof);
    }
    wait_wake_all(&proof->waiters);
}

bool s4_proof_is_in_vain(const struct s4_proof *proof)
{
    return proof->users == 1 && errand_is_in_vain();
}

bool s4_proof_refuse_left(struct error *error)
{
    return error_set(error, ERROR_CLOSED, S3_SlowDown, "The client left before what S4 encrypted had been read.");
}

/* Woken now and then, to see whether there is still a client. */
SUSPENDS static bool wait_settled(struct s4_proof *proof, struct error *error)
{
    while (proof->state == S4_PROOF_PENDING) {
        if (wait_for(&proof->waiters, deadline_after_ms(LOOK_MS), error))
            continue;
        if (error->kind != ERROR_TIMED_OUT)
            return false;
        if (errand_is_in_vain())
            return s4_proof_refuse_left(error);
    }
    return true;
}

SUSPENDS bool s4_proof_wait(struct s4_proofs *proofs, struct s4_proof *proof, struct error *error)
{
    if (proof->state == S4_PROOF_PENDING && proofs->waiters_count >= S4_WAITERS_MAX)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "Too many wait for what S4 encrypted to be read.");
    proofs->waiters_count++;
    bool settled = wait_settled(proof, error);
    proofs->waiters_count--;
    return settled;
}

/* ---- frames ---- */

/* Landmarks only grow: the number of the first piece whose landmark is at or behind this byte; pieces_count: none is.
 */
static size_t find_landmark(const struct s4_proof *proof, uint64_t original_offset)
{
    size_t first = 0;
    size_t end = proof->pieces_count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (proof->pieces[middle].landmark.original_offset < original_offset)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

struct s4_landmark s4_proof_find_frame(const struct s4_proof *proof, uint64_t original_offset, uint64_t original_end,
                                       uint64_t *ret_end)
{
    size_t behind = find_landmark(proof, original_end);
    *ret_end = behind < proof->pieces_count ? proof->pieces[behind].landmark.offset : UINT64_MAX;
    size_t at = original_offset == UINT64_MAX ? proof->pieces_count : find_landmark(proof, original_offset + 1);
    return at == 0 ? (struct s4_landmark){0} : proof->pieces[at - 1].landmark;
}
