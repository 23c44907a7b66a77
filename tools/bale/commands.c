/* tools/bale/commands.c -- the table of commands, each with the table of its options. */
#include "server/config/backend_options.h"
#include "server/maintenance/policy.h"
#include "tools/bale/command.h"
#include "tools/bale/command_checks.h"
#include "tools/bale/estimate/estimate.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct command_line, member)
#define TABLE(rows, name)                                    \
    {                                                        \
        rows, sizeof(rows) / sizeof((rows)[0]), "bale " name \
    }

/* ---- options ---- */

/* One wherever it appears; what else must be true of the folder stands in the command's own text. */
#define BACKEND                                                                                 \
    {                                                                                           \
        "backend", OPTION_FOLDER, AT(backend), "dir:./bale-data", "dir:PATH",                   \
            .has_variable = true, .help = "the folder of the embedded store, also BALE_BACKEND" \
    }

/* Of commands that ask a running server. */
#define ADMIN_SOCKET                                                                                        \
    {                                                                                                       \
        "admin-socket", OPTION_TEXT, AT(admin_socket), NULL, "PATH",                                        \
            .has_variable = true, .help = "the socket in the file system that the baled has which is meant" \
    }

/* For commands that work on any backend, without a server. */
#define IN_CONFIG(member) (AT(where) + offsetof(struct config, member))
#define ANY_BACKEND                                                                                 \
    {"backend",                                                                                     \
     OPTION_BACKEND,                                                                                \
     IN_CONFIG(backend),                                                                            \
     "dir:./bale-data",                                                                             \
     "KIND:NAME",                                                                                   \
     .has_variable = true,                                                                          \
     .help = "dir:PATH, the folder of the embedded store, which no baled may have open, or "        \
             "s3:BUCKET[/PREFIX], a bucket of an S3 server, also beside baled; also BALE_BACKEND"}, \
        BACKEND_PLACE_OPTIONS(IN_CONFIG), BACKEND_BUCKET_OPTIONS(IN_CONFIG), BACKEND_HEADER_OPTIONS(IN_CONFIG)

static const struct option BACKUP[] = {BACKEND};

static const struct option BACKEND_COMMAND[] = {
    {"test", OPTION_FLAG, AT(test), "no", "",
     .help = "try everything anew and leave the result in the bucket: some 2,000 small requests"},
    {"forget", OPTION_FLAG, AT(forget), "no", "",
     .help = "with --test: believe what it sees, also of races that an earlier test saw lost (after an upgrade of the "
             "server)"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON"},
    ANY_BACKEND,
};

#define KEYRING_OPTION                                                                                        \
    {                                                                                                         \
        "keyring", OPTION_TEXT, AT(keyring), NULL, "FILE",                                                    \
            .has_variable = true, .help = "the keys of encrypted objects, as baled has it, also BALE_KEYRING" \
    }

static const struct option CAT[] = {
    {"skip-damaged", OPTION_FLAG, AT(skip_damaged), "no", "",
     .help = "leave out the bytes of frames that are wrong, say which these are, and go on behind them"},
    KEYRING_OPTION,
    ANY_BACKEND,
};

static const struct option DICT[] = {
    BACKEND,
    ADMIN_SOCKET,
    {"state", OPTION_TEXT, AT(state), NULL, "PATH",
     .help = "the --state folder of a baled that runs before an S3 bucket, instead of --backend"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON"},
    {"s4", OPTION_FLAG, AT(s4), "no", "", .help = "with list: as options of S4, for one that runs on the same bucket"},
};

static const struct option INSPECT[] = {
    {"frames", OPTION_FLAG, AT(frames), "no", "",
     .help =
         "read each frame: which codec it has, the plan of its columns, its ratio, and what in its bytes speaks for "
         "that"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON"},
    ANY_BACKEND,
};

static const struct option KEYRING[] = {
    {"keyring", OPTION_TEXT, AT(keyring), NULL, "FILE", .has_variable = true,
     .help = "the file, also BALE_KEYRING; it must be given"},
    {"yes", OPTION_FLAG, AT(yes), "no", "", .help = "with destroy: whatever is encrypted under it"},
    {"from", OPTION_TEXT, AT(from), NULL, "ID|PLACE",
     .help = "with rotate: objects under this key alone; with adopt: the BUCKET/PREFIX that they were copied from"},
    ANY_BACKEND,
};

static const struct option LIFECYCLE[] = {
    BACKEND,
    ADMIN_SOCKET,
    {"state", OPTION_TEXT, AT(state), NULL, "PATH",
     .help = "the --state folder of a baled that runs before an S3 bucket, instead of --backend"},
    {"explain", OPTION_TEXT, AT(explain), NULL, "BUCKET/KEY",
     .help = "say what each rule of the bucket says of this object"},
    {"version", OPTION_TEXT, AT(version), NULL, "ID", .help = "with --explain: of this version, not the current one"},
    {"native", OPTION_TEXT, AT(native), NULL, "BUCKET",
     .help = "print the rules of the bucket as the S3 bucket behind it could have them: XML, or with --json what aws "
             "s3api put-bucket-lifecycle-configuration takes; on standard error what is left out, and why"},
    {"confirm-clock", OPTION_FLAG, AT(confirm_clock), "no", "",
     .help = "the clock of the machine is right, though it was set, or is far from the last time that was believed"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON"},
};

static const struct option TIER[] = {
    {"state", OPTION_TEXT, AT(state), "./bale-state", "PATH", .help = "the --state folder of the baled"},
    ADMIN_SOCKET,
    {"drop", OPTION_FLAG, AT(drop), "no", "",
     .help = "forget everything that lies in it, in memory and on the disk; with BUCKET/KEY what it holds of that key"},
    {"replay", OPTION_TEXT, AT(replay), NULL, "LOG",
     .help = "say what a tier would have had of the requests in this log, - for standard input: of a baled before a "
             "bucket, or a server access log of S3; it needs no server"},
    {"size", OPTION_SIZE, AT(tier_size), "10G", "BYTES", .least = 64 << 20, .most = 4LL << 40,
     .help = "with --replay: a tier of this size, as --tier-size of baled"},
    {"json", OPTION_FLAG, AT(json), "no", "",
     .help = "print one line of JSON: as /tier of the server has it, or the figures of --replay"},
};

static const struct option PACK[] = {
    {"zstd-level", OPTION_INTEGER, AT(zstd_level), "1", "N", .least = -7, .most = 19,
     .help = "of zstd and columns, as baled has it"},
    {"plot", OPTION_TEXT, AT(plot), NULL, "FILE", .help = "draw it as well: a picture (SVG)"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON for each file"},
};

static const struct option STAMP[] = {
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME", .help = "this bucket alone; without it all of them"},
    {"prefix", OPTION_TEXT, AT(prefix), NULL, "TEXT", .help = "only keys that begin with this"},
    {"etags", OPTION_FLAG, AT(etags), "no", "",
     .help = "copy each object onto itself, too, so that S4 answers its ETag and its size: up to 5 GiB a copy, on the "
             "condition that it is still the same"},
    ANY_BACKEND,
};

static const struct option VERIFY[] = {
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME", .help = "this bucket alone; without it all of them"},
    {"prefix", OPTION_TEXT, AT(prefix), NULL, "TEXT", .help = "only keys that begin with this"},
    {"deep", OPTION_FLAG, AT(deep), "no", "",
     .help =
         "read and decode every byte, and compare checksums and ETags; without it attributes, parts and indexes, and "
         "of a folder the headers of frames"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON for each finding, and one for the sums"},
    KEYRING_OPTION,
    ANY_BACKEND,
};

static const struct option CHECK[] = {
    BACKEND,
    {"repair", OPTION_FLAG, AT(repair), "no", "",
     .help = "rebuild what can be rebuilt, a lost catalogue too; drop what cannot, and name it"},
    {"copy", OPTION_TEXT, AT(copy), NULL, "FILE",
     .help = "with --repair: begin with this copy of the catalogue, which bale backup made"},
};

static const struct option ESTIMATE[] = {
    {"frames", OPTION_NUMBER, AT(sample_frames), "1000", "N", .least = 100, .most = ESTIMATE_FRAMES_MAX,
     .help = "read about so many frames, of 1 MiB at most"},
    {"within", OPTION_PRICE, AT(within), "0", "POINTS",
     .help = "go on until the interval is so many percent points, one way and the other; 0: it is as wide as it gets"},
    {"seed", OPTION_NUMBER, AT(seed), "auto", "N", .word = "auto", .least = 1, .most = INT64_MAX,
     .help = "draw the frames that this number draws; it is printed, to have the same again"},
    {"max-keys", OPTION_NUMBER, AT(max_keys), "20000000", "N", .least = 1, .most = INT64_MAX,
     .help = "list no more objects; each takes some 50 bytes of memory beside its name"},
    {"zstd-level", OPTION_INTEGER, AT(zstd_level), "1", "N", .least = -7, .most = 19,
     .help = "of zstd and columns, as baled has it"},
    {"columns", OPTION_CHOICE, AT(columns), "auto", "NAME", .allowed = "auto|on|off",
     .help = "are numbers packed in columns? auto: as baled does, everywhere but in a bucket of an S3 server"},
    {"prices", OPTION_TEXT, AT(prices), NULL, "FILE",
     .help = "an INI file with other prices than AWS's list for us-east-1: docs/operations.md says what stands in it"},
    {"format", OPTION_CHOICE, AT(format), "table", "NAME", .allowed = "table|json", .help = "how it is printed"},
    {"plot", OPTION_TEXT, AT(plot), NULL, "FILE", .help = "draw it as well: a picture (SVG)"},
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME", .help = "of dir: this bucket alone"},
    {"prefix", OPTION_TEXT, AT(prefix), NULL, "TEXT", .help = "of dir: keys that begin with it"},
    BACKEND_PLACE_OPTIONS(IN_CONFIG),
    {"request-payer", OPTION_FLAG, IN_CONFIG(request_payer), "no", "",
     .help = "of s3: pay for requests to a bucket of somebody else"},
};

static const struct option EXPLAIN[] = {
    BACKEND,
    {"account", OPTION_TEXT, AT(account), NULL, "ID",
     .help = "who asks: an account's id, one of its access keys, or anonymous; it must be given"},
    {"action", OPTION_TEXT, AT(action), NULL, "NAME",
     .help = "what, as policies name it: s3:GetObject; it must be given"},
    {"resource", OPTION_TEXT, AT(resource), NULL, "ARN",
     .help = "to what: arn:aws:s3:::BUCKET or arn:aws:s3:::BUCKET/KEY, also without what stands before the bucket"},
    {"context", OPTION_TEXT, AT(context), NULL, "JSON",
     .help = "what the request has of condition keys, like {\"aws:SourceIp\": \"203.0.113.9\"}"},
    {"credentials", OPTION_TEXT, AT(credentials), NULL, "FILE", .has_variable = true,
     .help = "the accounts file, also BALE_CREDENTIALS; without it the one in the backend's folder"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON"},
};

static const struct option EXPORT[] = {
    BACKEND,
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME", .help = "the bucket; it must be given"},
    {"as-stored", OPTION_FLAG, AT(as_stored), "no", "",
     .help = "write frames in columns as they are, which S4 cannot read; without it they become zstd"},
    KEYRING_OPTION,
};

static const struct option FLEET[] = {
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON, as /fleet of the server has it"},
    ANY_BACKEND,
};

/* For commands that speak with any S3 server. */
#define IN_SERVER(member) (AT(server) + offsetof(struct s3_place, member))
#define ANY_SERVER                                                                                                \
    {"endpoint",                                                                                                  \
     OPTION_TEXT,                                                                                                 \
     IN_SERVER(endpoint),                                                                                         \
     NULL,                                                                                                        \
     "URL",                                                                                                       \
     .help = "the server, http[s]://HOST[:PORT]; else AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else AWS"},        \
        {"region",                                                                                                \
         OPTION_REGION,                                                                                           \
         IN_SERVER(region),                                                                                       \
         NULL,                                                                                                    \
         "NAME",                                                                                                  \
         .help = "that requests are signed for; else AWS_REGION or AWS_DEFAULT_REGION, else us-east-1"},          \
        {"addressing",                                                                                            \
         OPTION_CHOICE,                                                                                           \
         IN_SERVER(addressing),                                                                                   \
         "path",                                                                                                  \
         "NAME",                                                                                                  \
         .allowed = "path|virtual",                                                                               \
         .help = "HOST/BUCKET/KEY, or BUCKET.HOST/KEY"},                                                          \
        {"credentials",                                                                                           \
         OPTION_TEXT,                                                                                             \
         IN_SERVER(credentials),                                                                                  \
         NULL,                                                                                                    \
         "FILE",                                                                                                  \
         .help = "an INI file with aws_access_key_id and aws_secret_access_key; without it the environment, the " \
                 "shared files, containers and instances are asked, as AWS SDKs do"},                             \
        {"profile", OPTION_TEXT, IN_SERVER(profile),                                                              \
         NULL,      "NAME",      .help = "the profile of the shared credentials files"},                          \
        {"ca-file",                                                                                               \
         OPTION_TEXT,                                                                                             \
         IN_SERVER(ca_file),                                                                                      \
         NULL,                                                                                                    \
         "FILE",                                                                                                  \
         .help = "PEM of the authorities that are believed instead of the system's; of no use towards http://"},  \
    {                                                                                                             \
        "anonymous", OPTION_FLAG, IN_SERVER(is_anonymous), "no", "",                                              \
            .help = "sign nothing: for what everybody may"                                                        \
                    " read"                                                                                       \
    }

static const struct option GET[] = {
    {"parts", OPTION_NUMBER, AT(parts), "8", "N", .least = 1, .most = 256,
     .help = "that are fetched at once, each over a connection of its own"},
    {"part-size", OPTION_SIZE, AT(part_size), "8M", "BYTES", .least = 1 << 20, .most = 1LL << 30,
     .help = "of one of them"},
    {"tree", OPTION_FLAG, AT(tree), "no", "",
     .help =
         "get all objects whose keys begin with KEY, or all of the bucket, into the folder FILE: so many at once as "
         "--parts says"},
    {"include", OPTION_TEXT, AT(include), NULL, "PATTERN",
     .help = "with --tree: only what becomes a path that matches, like *.parquet or 2026/*; * goes past slashes"},
    {"exclude", OPTION_TEXT, AT(exclude), NULL, "PATTERN", .help = "with --tree: nothing that becomes such a path"},
    {"resume", OPTION_FLAG, AT(resume), "no", "",
     .help = "go on with what an earlier attempt at the same revision has left beside FILE"},
    {"on-change", OPTION_CHOICE, AT(on_change), "fail", "NAME", .allowed = "fail|restart",
     .help = "what to do when the object is overwritten meanwhile: end with 4, or begin anew, three times at most"},
    {"check", OPTION_CHOICE, AT(check), "auto", "NAME", .allowed = "auto|require|off",
     .help = "compare the whole with the checksum or the ETag that the server names: where it names one, or else fail, "
             "or never"},
    {"version-id", OPTION_TEXT, AT(version_id), NULL, "ID", .help = "this version; without it the current one"},
    {"sparse", OPTION_FLAG, AT(sparse), "no", "", .help = "leave holes in FILE where the object has blocks of zeros"},
    {"no-sync", OPTION_FLAG, AT(no_sync), "no", "", .help = "do not wait until FILE is on the disk"},
    {"quiet", OPTION_FLAG, AT(quiet), "no", "", .help = "print nothing but errors"},
    ANY_SERVER,
};

static const struct option PUT[] = {
    {"parts", OPTION_NUMBER, AT(parts), "8", "N", .least = 1, .most = 256,
     .help = "that are sent at once, each over a connection of its own"},
    {"part-size", OPTION_SIZE, AT(part_size), "8M", "BYTES", .least = 5 << 20, .most = 1LL << 30,
     .help = "of one of them; a file of at most one is a single PUT"},
    {"content-type", OPTION_TEXT, AT(content_type), NULL, "TYPE", .help = "of the object; without it none is said"},
    {"if-none-match", OPTION_FLAG, AT(if_none_match), "no", "", .help = "only if there is no object of that name"},
    {"resume", OPTION_FLAG, AT(resume), "no", "",
     .help = "go on with the parts that an earlier attempt has left on the server, and leave them when this one fails"},
    {"quiet", OPTION_FLAG, AT(quiet), "no", "", .help = "print nothing but errors"},
    ANY_SERVER,
};

static const struct option IMPORT[] = {
    BACKEND,
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME",
     .help = "the bucket to put them into; without it the one that objects.json names"},
    {"owner", OPTION_TEXT, AT(owner), NULL, "ID",
     .help = "the account (its id) that a new bucket belongs to; without it the first of the accounts file"},
    {"credentials", OPTION_TEXT, AT(credentials), NULL, "FILE", .has_variable = true,
     .help = "the accounts file, also BALE_CREDENTIALS; without it the one in the backend's folder"},
};

static const struct option JOURNAL[] = {
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON, as /journal of the server has it"},
    {"verify", OPTION_FLAG, AT(verify), "no", "", .help = "read every object of the journal, and compare"},
    {"follow", OPTION_FLAG, AT(follow), "no", "", .help = "go on, and print what changes"},
    {"restore", OPTION_FLAG, AT(restore), "no", "",
     .help = "go on from a copy of a lost or damaged head; says what that loses, and does it with --yes"},
    {"adopt", OPTION_FLAG, AT(adopt), "no", "",
     .help = "make the journal of a copied folder or bucket one of its own; says what that means, and does it with "
             "--yes"},
    {"begin-anew", OPTION_FLAG, AT(begin_anew), "no", "",
     .help = "make an empty journal where nothing is left of one; says what that loses, and does it with --yes"},
    {"yes", OPTION_FLAG, AT(yes), "no", "", .help = "with --restore, --adopt or --begin-anew: do it"},
    {"test-store", OPTION_FLAG, AT(test_store), "no", "", .help = "test what the journal needs of a store"},
    {"release", OPTION_TEXT, AT(release), NULL, "KEY",
     .help = "resolve this segment, which is in quarantine: it counts if it can be read again, else it is given up"},
    ANY_BACKEND,
};

static const struct option MAINTAIN[] = {
    {"policy", OPTION_TEXT, AT(policy), NULL, "FILE",
     .help = "the rules, an INI file: docs/maintain.md says what stands in it; it must be given"},
    {"execute", OPTION_FLAG, AT(execute), "no", "", .help = "do it; without it nothing is written"},
    {"force", OPTION_FLAG, AT(force), "no", "",
     .help = "sweep also where more than a tenth of a bucket's keys would go"},
    ADMIN_SOCKET,
    {"interval", OPTION_DURATION, AT(interval_ms), "0s", "TIME", .least = 0, .most = INT64_C(366) * 86400000,
     .help = "do it again and again, so long after each end, until it is stopped; 0s: once"},
    {"pace", OPTION_SIZE, AT(pace), "0", "BYTES", .least = 0, .most = INT64_C(1) << 40,
     .help = "how many bytes of objects, unpacked, are written anew a second at most, here or in the server that does "
             "it; 0: as fast as it goes"},
    {"state", OPTION_TEXT, AT(state), NULL, "DIR",
     .help =
         "of s3: a folder of these runs alone, through which the savings ledger hears of what they write; recompact, "
         "transition and encrypt need it to --execute"},
    {"zstd-level", OPTION_INTEGER, AT(zstd_level), "1", "N", .least = -7, .most = 19,
     .help = "of migrate and encrypt, as baled has it"},
    {"columns", OPTION_CHOICE, AT(columns), "auto", "NAME", .allowed = "auto|on|off",
     .help = "are numbers packed in columns? auto: as baled does, everywhere but in a bucket of an S3 server"},
    {"class", OPTION_TEXT, IN_CONFIG(class_levels), "", "CLASSES",
     .help = "of s3: NAME=zstd:LEVEL[,backend:CLASS],... as baled has it: which class of the backend transition moves "
             "objects of a class to; LEVEL is for baled, a rule has its own"},
    {"prices", OPTION_TEXT, AT(prices), NULL, "FILE",
     .help = "of pays-back: an INI file with other prices than AWS's list for us-east-1, as bale estimate has it"},
    {"format", OPTION_CHOICE, AT(format), "table", "NAME", .allowed = "table|json", .help = "how the sums are printed"},
    {"log", OPTION_TEXT, AT(log), NULL, "FILE",
     .help = "append a line of JSON for each object that a rule is about: what became of it, and why"},
    KEYRING_OPTION,
    ANY_BACKEND,
};

static const struct option REPAIR[] = {
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME", .help = "this bucket alone; without it all of them"},
    {"prefix", OPTION_TEXT, AT(prefix), NULL, "TEXT", .help = "only keys that begin with this"},
    {"execute", OPTION_FLAG, AT(execute), "no", "", .help = "do it; without it nothing is written"},
    {"zstd-level", OPTION_INTEGER, AT(zstd_level), "1", "N", .least = -7, .most = 19, .help = "as baled has it"},
    ANY_BACKEND,
};

static const struct option SAVINGS[] = {
    {"bucket", OPTION_TEXT, AT(bucket), NULL, "NAME", .help = "this bucket alone; without it all of them"},
    {"json", OPTION_FLAG, AT(json), "no", "", .help = "print one line of JSON, as /savings of the server has it"},
    {"price-per-gb-month", OPTION_PRICE, AT(price), "0.023", "AMOUNT",
     .help = "what a GiB costs a month; without it what S3 Standard costs in USD"},
    {"currency", OPTION_TEXT, AT(currency), "USD", "NAME",
     .help = "in which the price is, and the money that is shown"},
    {"recount", OPTION_FLAG, AT(recount), "no", "",
     .help = "count all objects anew before, and correct the ledger: of a folder that no baled has open, of a bucket "
             "beside those that serve it"},
    ANY_BACKEND,
};

/* ---- commands ---- */

static const struct command COMMANDS[] = {
    {"backend", command_backend, command_check_backend, NULL, "say what the S3 server behind Bale can do",
     "Prints what the server of --backend s3:BUCKET was seen to do and what is refused or done otherwise because it "
     "does not. The first to ask tries it; the result is kept in the bucket, under .bale/backend.",
     TABLE(BACKEND_COMMAND, "backend")},
    {"backup", command_backup, NULL, "FILE", "copy the catalogue of a folder",
     "Copies the catalogue into FILE, also while baled runs. Bodies of objects lie in volumes that carry labels, from "
     "which a lost catalogue can be rebuilt; small objects and open uploads are known to the catalogue alone.",
     TABLE(BACKUP, "backup")},
    {"cat", command_cat, NULL, "BUCKET/KEY", "print an object's original bytes",
     "Writes the original bytes of one object to standard output, verified as for a client. It needs no baled. "
     "file:PATH instead of BUCKET/KEY is a stored body that lies in a file, as an export has it or another tool took "
     "it out of a bucket; with PATH.s4index beside it, if that is there.",
     TABLE(CAT, "cat")},
    {"check", command_check, command_check_check, NULL, "look for damage in a folder, and repair it",
     "Reads every row and every body of a folder that no baled has open, compares checksums, free space and the "
     "savings "
     "ledger, and says what is damaged.",
     TABLE(CHECK, "check")},
    {"dict", command_dict, command_check_dict, "VERB [BUCKET/PREFIX]", "make and watch dictionaries for small objects",
     "Asks a running baled. train BUCKET/PREFIX makes a dictionary of the objects there, and uses it for new ones when "
     "that is worth it; diff says what a new one would save; unmap ends its use, and what was written with it stays "
     "readable; retire BUCKET/ID writes that again and removes the dictionary; list shows all; status does, too, and "
     "fails when one does not save what it did.",
     TABLE(DICT, "dict")},
    {"estimate", command_estimate, command_check_estimate, "TARGET", "say what packing would save, from a sample",
     "TARGET is s3:BUCKET[/PREFIX], a bucket of an S3 server, in which nothing is written or tried; a folder of files; "
     "or dir:PATH, the folder of the embedded store, also beside baled. All objects are listed, some of their frames "
     "are read and packed as baled would store them; what all of them would come to is said with the interval in which "
     "it lies 95 times of 100, with what it saves a month and costs once.",
     TABLE(ESTIMATE, "estimate")},
    {"explain", command_explain, command_check_explain, NULL, "say who may do what, and what decides it",
     "Says whether an account may do something to a bucket or an object, and which statement of the policy, which "
     "grant "
     "or which owner decides it, beside a running baled or without one. It asks what the server asks.",
     TABLE(EXPLAIN, "explain")},
    {"export", command_export, command_check_export, "FOLDER", "write the objects of a bucket into files",
     "Writes the objects of a bucket into FOLDER as S4 keeps them: stored bodies, .s4index sidecars and objects.json. "
     "No "
     "baled may have the backend's folder open. What is encrypted goes out in clear, if --keyring opens it; all else "
     "of "
     "that kind is named and left out, and the exit status is 1 then.",
     TABLE(EXPORT, "export")},
    {"fleet", command_fleet, command_check_fleet, NULL, "say who serves a bucket, and how each does",
     "Prints the card of each baled that serves the bucket of --backend s3:BUCKET: its name, addresses and version, "
     "whether it runs, has stopped or has gone, how old its view of the journal is and since when amounts wait for the "
     "ledger, as it was when the card was written. It needs no baled.",
     TABLE(FLEET, "fleet")},
    {"get", command_get, command_check_get, "s3://BUCKET/KEY|URL [FILE]", "get an object of any S3 server, in parts",
     "Gets one object of any S3 server into FILE, over several connections at once. All of it is of one revision: "
     "every request is bound to the first answer's ETag. It is compared with the checksum that the server names, and "
     "only then FILE is there, whole and on the disk. FILE may be a folder; without one it is the key's last segment "
     "in this folder, and - is standard output. A URL, http:// or https://, is asked for as it stands, without "
     "credentials: a presigned one, or a web server's. With --tree it gets all objects below a prefix into a folder.",
     TABLE(GET, "get")},
    {"import", command_import, NULL, "FOLDER", "put such files into a bucket",
     "Puts what bale export or another tool of S4 wrote into FOLDER into a bucket, which is made when it is missing. "
     "No "
     "baled may have the backend's folder open, which is made when it is missing, too.",
     TABLE(IMPORT, "import")},
    {"inspect", command_inspect, NULL, "BUCKET/KEY", "say how an object is stored",
     "Prints what is known of one object: sizes, ETags, codec, frames, parts, checksums, metadata. file:PATH instead "
     "of BUCKET/KEY is a stored body that lies in a file, of which only that is known.",
     TABLE(INSPECT, "inspect")},
    {"journal", command_journal, command_check_journal, NULL, "say how the journal stands, and set it right",
     "Says how the journal stands on which settings and the savings ledger are kept: beside a running baled or without "
     "one where it only reads. --restore, --adopt and --begin-anew want every baled stopped, before a bucket of an S3 "
     "server as before a folder; --test-store and --release a baled that has the folder open.",
     TABLE(JOURNAL, "journal")},
    {"keyring", command_keyring, command_check_keyring, "VERB [ID|PLACE]",
     "make and change the file of keys that encrypt objects",
     "create makes the file that baled is given with --keyring, with one key, which is active; add puts one key more "
     "into it; activate ID lets new objects be written under that key; retire ID keeps it from becoming active again; "
     "list prints the ids. baled reads the file at its start and at SIGHUP. A key that is not active opens what was "
     "written under it, and must stay. usage counts what --backend has under each key, or under ID, beside a server, "
     "too. rotate [BUCKET/PREFIX] seals what is there anew under the active key, so that another one may go; adopt "
     "BUCKET/PREFIX does so with what a foreign tool has copied there in a bucket, so that it is read. Both want a "
     "folder that no baled has open, or a bucket, also beside baled. destroy ID takes the key out of the file, where "
     "nothing of --backend is encrypted under it, or with --yes; "
     "what was is lost then. Keys themselves are never printed.",
     TABLE(KEYRING, "keyring")},
    {"lifecycle", command_lifecycle, command_check_lifecycle, NULL, "say what lifecycle rules do, and why",
     "Asks a running baled what the lifecycle rules of its buckets have done, and when something falls due next; or, "
     "with --explain, why they leave one object alone, or not; or, with --native, what the backend would have to be "
     "told to do the same.",
     TABLE(LIFECYCLE, "lifecycle")},
    {"maintain", command_maintain, command_check_maintain, NULL, "pack objects anew, move or encrypt them, by rules",
     "Looks at every object of --backend and does what the rules of --policy say: migrate packs what lay in a bucket "
     "of an S3 server before Bale; recompact packs objects anew at a higher level; transition moves them to a colder "
     "storage class; encrypt puts them under the active key of --keyring; sweep removes what nothing needs any more. A "
     "running baled that has the folder, or whose --admin-socket or --state is given, does it, and this watches. No "
     "client sees a difference but that class, and the word that it is encrypted. Without --execute it says what it "
     "would do. Each write is "
     "conditional on what was read, so that nothing newer is ever lost. It may be stopped and run again. Exit status "
     "1: it could not begin, or some object could not be read; 3: it was stopped before the end.",
     TABLE(MAINTAIN, "maintain")},
    {"pack", command_pack, NULL, "FILE", "say what would be stored of files, and how fast",
     "Packs each file in memory as baled would store it, unpacks it again and compares: as it is, with --codec gzip, "
     "with zstd alone (--columns off), and with columns where they are smaller (--columns on). It prints stored bytes "
     "with all headers, the ratio, and MB of original bytes for each second of one core, in and out. Nothing is "
     "stored.",
     .table = TABLE(PACK, "pack"), .takes_many = true},
    {"put", command_put, command_check_put, "FILE s3://BUCKET/KEY", "put a file on any S3 server, in parts",
     "Puts FILE into an object of any S3 server, over several connections at once. Every part and the whole go with "
     "their "
     "CRC-64/NVME, and what the server then names of the object is compared with the file. A KEY that is empty or ends "
     "in "
     "a slash goes on with the file's name. What fails leaves no parts behind, but with --resume.",
     TABLE(PUT, "put")},
    {"repair", command_repair, NULL, NULL, "write anew what follows from the frames of objects",
     "Looks for objects of --backend whose index is damaged: in a bucket of an S3 server their end, the trailer, "
     "beside "
     "running servers; in a folder, which no baled may have open then, the index beside their body. Without --execute "
     "it says which it would repair. Such an object is read, each frame checked, and written anew in its place on the "
     "condition that it is still the same; no body that is damaged, no metadata and no lengths of parts are ever made "
     "up, and nothing is dropped. Exit status 1: something is not as it should be; 3: it was "
     "stopped before the end.",
     TABLE(REPAIR, "repair")},
    {"savings", command_savings, NULL, NULL, "say what every bucket holds, and what that saves",
     "Prints what every bucket holds, what is stored of it and what that saves, beside a running baled or without one: "
     "of a folder exactly and as of now, of a bucket as its journal has it, about a second ago.",
     TABLE(SAVINGS, "savings")},
    {"stamp", command_stamp, command_check_stamp, NULL, "write S4's sidecars beside the objects of a bucket",
     "For whoever leaves, or reads the bucket with S4 as well: writes KEY.s4index beside each object of several frames "
     "that Bale wrote, bound to its ETag. Objects stay as they are.",
     TABLE(STAMP, "stamp")},
    {"tier", command_tier, command_check_tier, "[BUCKET/KEY]",
     "say what the tier of a running server holds, or empty it",
     "Asks a running baled on this machine, whose tier stands before a bucket, how much of what was read was near, "
     "what "
     "the tier holds, and how its disk does. --drop forgets all of it, or of one key: of the revision that was seen "
     "last and the one that the bucket has now. "
     "Nothing is lost by that but time. --replay says, before a disk is bought, what a tier of --size would have had "
     "of the requests in a log.",
     TABLE(TIER, "tier")},
    {"verify", command_verify, NULL, NULL, "look at every object, and read it with --deep",
     "Opens every object and every former version as for a client and says which cannot be read, or do not say the "
     "same "
     "of themselves everywhere. It changes nothing. Exit status 1: something was found; 3: it was stopped before the "
     "end.",
     TABLE(VERIFY, "verify")},
};
enum { COMMANDS_COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

const struct command *command_at(unsigned index)
{
    return index < COMMANDS_COUNT ? &COMMANDS[index] : NULL;
}

const struct command *command_find(const char *name)
{
    for (unsigned i = 0; i < COMMANDS_COUNT; i++) {
        if (strcmp(name, COMMANDS[i].name) == 0)
            return &COMMANDS[i];
    }
    return NULL;
}
