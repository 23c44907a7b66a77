/* server/baled.h -- the whole life of a baled, from its arguments to its exit status. */
#pragma once

#include "server/backend/backend.h"

/* `open` brings its backend up: backend_open for the program itself, another for one that is made for a test. */
int baled_run(int argc, char **argv, backend_opener *open);
