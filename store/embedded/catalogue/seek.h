/* store/embedded/catalogue/seek.h -- how LMDB's own search for a row ends where damaged rows may lead it astray: what
 * seek.c (reading) and order.c (before a write) have in common. Others take what catalogue.h offers. */
#pragma once

#include "store/embedded/catalogue/catalogue.h"

struct landing {
    unsigned damaged; /* rows around the target's place, or on the way to it */
    bool is_astray;   /* the search ends elsewhere: what is put there would stand among wrong neighbours */
};

/* To the row behind the last sound one before the target, if there is such a row. It may be damaged, and sound ones
 * before the target may follow. */
int seek_place(MDB_cursor *cursor, struct span target, MDB_val *ret_key, MDB_val *ret_value,
               struct landing *ret_landing);
/* To the sound row with this key, past what is damaged, which may hide it. MDB_NOTFOUND: there is none. */
int seek_sound(MDB_cursor *cursor, struct span key, MDB_val *ret_value, struct landing *ret_landing);
