/* s3client/credentials/shared_file.h -- ~/.aws/credentials and ~/.aws/config, as the AWS SDKs read them.
 *
 * They look like INI files and are another format (server/config/ini.h refuses what they allow): a section may stand
 * twice, and a name twice in it, where the last one counts; values have any length; a name without value may be
 * followed by indented lines of names below it (`s3 =`, `  max_concurrent_requests = 20`), which are none of the
 * profile's own; " #" and " ;" begin a comment; names count without case, those of profiles with it.
 *
 * Where a profile stands: in the credentials file as [p]; in the config file as [profile p], the name quoted where it
 * holds blanks, and the one called default also as [default], which counts only where there is no [profile default].
 * Other sections ([sso-session x], [services x]) are none.
 *
 * The text is looked at anew for each value, which is fine for a file that is read once an hour; nothing is allocated,
 * and what is found points into the text. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>

enum { SHARED_FILE_BYTES_MAX = 1 << 20 };

enum shared_file_kind { SHARED_CREDENTIALS, SHARED_CONFIG };

bool shared_file_has_profile(struct span text, enum shared_file_kind kind, struct span profile);

/* The last value of that name (lower case) in the profile, trimmed; empty: there is none. Lines that go on with a
 * value are not part of it. */
struct span shared_file_value(struct span text, enum shared_file_kind kind, struct span profile, const char *name);
