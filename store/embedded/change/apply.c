/* store/embedded/change/apply.c -- which kind of change does what. */
#include "store/embedded/change/apply.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/change/amend_batch.h"
#include "store/embedded/change/bucket_batch.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/change/manifest_batch.h"
#include "store/embedded/change/object_batch.h"
#include "store/embedded/change/rewrite_batch.h"
#include "store/embedded/change/upload_batch.h"

void change_apply(struct batch *batch, struct change *change)
{
    static bool (*const apply[])(struct batch *, struct change *, struct error *) = {
        [CHANGE_PUT] = object_put,
        [CHANGE_DELETE] = objects_delete,
        [CHANGE_CREATE_BUCKET] = bucket_row_create,
        [CHANGE_DELETE_BUCKET] = bucket_row_delete,
        [CHANGE_SET_BUCKET] = bucket_row_set,
        [CHANGE_AMEND] = object_amend,
        [CHANGE_REWRITE] = object_rewrite,
        [CHANGE_CREATE_UPLOAD] = upload_create,
        [CHANGE_PUT_PART] = upload_put_part,
        [CHANGE_COMPLETE_UPLOAD] = upload_complete,
        [CHANGE_ABORT_UPLOAD] = upload_abort,
        [CHANGE_NOTE_MANIFEST] = manifest_note,
        [CHANGE_FREEZE_SPOOL] = ledger_freeze,
        [CHANGE_TRIM_SPOOL] = ledger_trim,
        [CHANGE_REMOVE_SPOOL] = ledger_remove,
        [CHANGE_DOUBT_LEDGER] = ledger_doubt,
        [CHANGE_CORRECT_LEDGER] = ledger_correct,
        [CHANGE_FILL_VOLUME] = volume_row_fill,
        [CHANGE_DROP_VOLUME] = volume_row_drop,
    };
    ASSERT(change->kind < sizeof apply / sizeof apply[0] && apply[change->kind] != NULL);
    key_memo_forget(&batch->memo);
    change->succeeded = apply[change->kind](batch, change, change->error);
    if (!change->succeeded && change->error->code == NULL)
        change->error->code = S3_InternalError;
}
