/* server/access/policy/principal.c -- whom a statement speaks of: 508 to 510. */
#include "server/access/policy/policy_private.h"

static const char invalid[] = "Invalid principal in policy";

/* ---- compiling ---- */

static bool has_wildcard(struct span text)
{
    return span_find(text, '*') != SIZE_MAX || span_find(text, '?') != SIZE_MAX;
}

/* What is behind `stem`, if the text begins with it. */
static bool take_stem(struct span *text, struct span stem)
{
    if (!span_starts_with(*text, stem))
        return false;
    *text = span_skip(*text, stem.size);
    return true;
}

/* "root", "user/NAME", "role/NAME", "assumed-role/ROLE/SESSION". */
static bool parse_identity(struct span text, bool is_iam, struct principal *principal)
{
    if (is_iam && span_equal(text, SPAN("root"))) {
        principal->kind = PRINCIPAL_ACCOUNT;
        return true;
    }
    if (is_iam && take_stem(&text, SPAN("user/")))
        principal->kind = PRINCIPAL_USER;
    else if (is_iam && take_stem(&text, SPAN("role/")))
        principal->kind = PRINCIPAL_ROLE;
    else if (!is_iam && take_stem(&text, SPAN("assumed-role/")))
        principal->kind = PRINCIPAL_SESSION;
    else
        return false;
    principal->name = text;
    if (principal->kind == PRINCIPAL_SESSION) {
        size_t slash = span_find(text, '/');
        if (slash == SIZE_MAX)
            return false;
        principal->name = span_take(text, slash);
        principal->session = span_skip(text, slash + 1);
        if (principal->session.size == 0 || span_find(principal->session, '/') != SIZE_MAX)
            return false;
    }
    return principal->name.size > 0;
}

static bool parse_aws(struct span text, struct principal *principal)
{
    struct span parts[ARN_PARTS];
    if (span_equal(text, SPAN("*"))) {
        principal->kind = PRINCIPAL_EVERYONE;
        return true;
    }
    if (text.size == 0 || has_wildcard(text))
        return false;
    if (span_find(text, ':') == SIZE_MAX) {
        *principal = (struct principal){.kind = PRINCIPAL_ACCOUNT, .account = text};
        return true;
    }
    bool is_arn = value_split_arn(text, false, parts) && span_equal(parts[0], SPAN("arn")) &&
                  span_equal(parts[1], SPAN("aws")) && parts[3].size == 0 && parts[4].size > 0;
    if (!is_arn || span_find(parts[5], ':') != SIZE_MAX)
        return false;
    principal->account = parts[4];
    bool is_iam = span_equal(parts[2], SPAN("iam"));
    return (is_iam || span_equal(parts[2], SPAN("sts"))) && parse_identity(parts[5], is_iam, principal);
}

static bool parse_principal(struct span kind, struct span text, struct principal *ret_principal)
{
    *ret_principal = (struct principal){.kind = PRINCIPAL_NOBODY};
    if (span_equal(kind, SPAN("AWS")))
        return parse_aws(text, ret_principal);
    if (text.size == 0 || has_wildcard(text))
        return false;
    if (span_equal(kind, SPAN("Service")))
        return true;
    if (!span_equal(kind, SPAN("CanonicalUser")) || span_find(text, ':') != SIZE_MAX)
        return false;
    *ret_principal = (struct principal){.kind = PRINCIPAL_ACCOUNT, .account = text};
    return true;
}

/* Everyone is named alone. */
static bool is_mixed(const struct principal *principals, unsigned count)
{
    for (unsigned i = 0; count > 1 && i < count; i++)
        if (principals[i].kind == PRINCIPAL_EVERYONE)
            return true;
    return false;
}

static bool compile_kinds(const struct compiler *compiler, const struct json_value *value, struct statement *statement)
{
    unsigned count = 0;
    for (const struct json_value *kind = value->first; kind != NULL; kind = kind->next) {
        if (json_items_count(kind) == 0)
            return compiler_refuse(compiler, invalid, kind->name);
        count += json_items_count(kind);
    }
    if (count == 0)
        return compiler_refuse(compiler, invalid, SPAN_EMPTY);
    struct principal *principals = arena_allocate(compiler->arena, count * sizeof *principals);
    if (principals == NULL)
        return compiler_refuse_size(compiler);
    count = 0;
    for (const struct json_value *kind = value->first; kind != NULL; kind = kind->next)
        for (const struct json_value *item = NULL; (item = json_next_item(kind, item)) != NULL;)
            if (item->kind != JSON_STRING || !parse_principal(kind->name, item->text, &principals[count++]))
                return compiler_refuse(compiler, invalid, item->text);
    if (is_mixed(principals, count))
        return compiler_refuse(compiler, "Invalid principal in policy: \"*\" stands beside others", SPAN_EMPTY);
    statement->principals = principals;
    statement->principals_count = count;
    return true;
}

bool principals_compile(const struct compiler *compiler, const struct json_value *value, struct statement *statement)
{
    static const struct principal everyone = {.kind = PRINCIPAL_EVERYONE};
    if (value->kind == JSON_OBJECT)
        return compile_kinds(compiler, value, statement);
    if (value->kind != JSON_STRING || !span_equal(value->text, SPAN("*")))
        return compiler_refuse(compiler, invalid, value->text);
    statement->principals = &everyone;
    statement->principals_count = 1;
    return true;
}

/* ---- asking ---- */

/* A role's name without its path, as its sessions bear it. */
static struct span last_name(struct span name)
{
    for (size_t slash; (slash = span_find(name, '/')) != SIZE_MAX;)
        name = span_skip(name, slash + 1);
    return name;
}

static bool names(const struct principal *principal, const struct policy_asker *asker)
{
    switch (principal->kind) {
    case PRINCIPAL_ACCOUNT:
        return asker->kind == ASKER_ACCOUNT;
    case PRINCIPAL_USER:
        return asker->kind == ASKER_USER && span_equal(principal->name, asker->name);
    case PRINCIPAL_ROLE:
        return (asker->kind == ASKER_ROLE || asker->kind == ASKER_SESSION) && span_equal(principal->name, asker->name);
    case PRINCIPAL_SESSION:
        return asker->kind == ASKER_SESSION && span_equal(principal->name, last_name(asker->name)) &&
               span_equal(principal->session, asker->session);
    default:
        return false;
    }
}

static enum principal_match match_one(const struct principal *principal, const struct policy_asker *asker)
{
    if (principal->kind == PRINCIPAL_EVERYONE)
        return PRINCIPAL_BY_NAME;
    if (asker->kind == ASKER_ANONYMOUS || !span_equal(principal->account, asker->account))
        return PRINCIPAL_DIFFERS;
    if (names(principal, asker))
        return PRINCIPAL_BY_NAME;
    return principal->kind == PRINCIPAL_ACCOUNT ? PRINCIPAL_OF_ACCOUNT : PRINCIPAL_DIFFERS;
}

enum principal_match principals_match(const struct principal *principals, unsigned count,
                                      const struct policy_asker *asker)
{
    enum principal_match strongest = PRINCIPAL_DIFFERS;
    for (unsigned i = 0; i < count && strongest != PRINCIPAL_BY_NAME; i++) {
        enum principal_match match = match_one(&principals[i], asker);
        if (match > strongest)
            strongest = match;
    }
    return strongest;
}
