"""tests/policy/draw.py -- policies and questions at random: mostly sound and close to each other, so that they match about as
often as not, and some broken in ways of which people think and in ways of which they do not."""

import json

import evaluator

BUCKET = "bucket"
OBJECTS = ["a", "ab", "a/b", "b*", "home/bob/x", "home/${aws:username}/x", "ä/ö", "x.jpg", "a.b.jpg", "?", "aaab", "$", "}", "c" * 40]
TEXTS = ["a", "A", "ab", "a*b", "ba", "ä", "", "bob", "Bob", "a/b", "home/bob", "aab", "*", "x$y", "vpc-1"]
PATTERNS = [*TEXTS, "a*", "*b", "*a*b*", "?", "a?", "??", "*?", "${aws:username}", "${aws:userid}*", "${*}", "a${*}b", "x${$}y", "${?}",
            "${s3:prefix}", "${AWS:sourceip}", "${aws:nothing}", "${aws:username", "$${aws:username}"]
NUMBERS = ["1", "10", "10.0", "9.5", "-1", "1e1", "0", "007", "1e999", "ten", "", ".5", "+3"]
MOMENTS = ["2013-12-15", "2013-12-15T12:00:00Z", "1387108800", "2013-12-15T13:00:00+01:00", "2013-12", "2013-12-15T12:00:00.5Z", "0",
           "2014-02-29", "2013-12-15T12:00Z", "2013-12-15T12:00:00", "soon", "9999-12-31T23:59:59Z", "2013-12-15T12:00:00.0001-00:00"]
ADDRESSES = ["10.1.2.3", "10.1.2.4", "11.0.0.1", "203.0.113.9", "::1", "2001:db8::1", "::ffff:10.1.2.3", "10.1.2.3/32", "x", "fd00::5"]
NETWORKS = ["10.0.0.0/8", "10.1.2.3", "10.1.2.2/31", "0.0.0.0/0", "::/0", "2001:db8::/32", "::1", "10.9.9.9/8", "11.0.0.0/7", "fc00::/7",
            "fd00::/8", "2000::/3", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/90", "10.0.0.0/33", "10.0.0/8", "8.0.0.0/6", "10.0.0.0/ 8"]
BOOLEANS = ["true", "false", "True", "FALSE", "yes", ""]
ARNS = ["arn:aws:iam::alice:root", "arn:aws:iam::alice:user/bob", "arn:aws:iam::mallory:user/bob", "arn:aws:iam::alice:role/r", "alice",
        "arn:aws:sts::alice:assumed-role/r/s:x"]
ARN_PATTERNS = [*ARNS, "arn:aws:iam::*:user/*", "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}", "arn:*:*:*:*:*",
                "arn:aws:iam::alice:*", "arn:aws:iam::a*", "arn:aws:*::alice:?oot", "arn:aws:iam::${aws:userid:root"]
BINARY = ["YQ==", "YWI=", "", "w6Q=", "YQ=", "a", "YQ==YQ=="]
POOLS = {"StringEquals": (PATTERNS, TEXTS), "StringEqualsIgnoreCase": (PATTERNS, TEXTS), "StringLike": (PATTERNS, TEXTS),
         "Numeric": (NUMBERS, NUMBERS), "Date": (MOMENTS, MOMENTS), "Bool": (BOOLEANS, BOOLEANS), "Null": (BOOLEANS, TEXTS),
         "BinaryEquals": (BINARY, TEXTS), "IpAddress": (NETWORKS, ADDRESSES), "Arn": (ARN_PATTERNS, ARNS)}
PARTS = ["team", "Team", "a/b", "ä", ""]

PRINCIPALS = ["alice", "mallory", "123456789012", "arn:aws:iam::alice:root", "arn:aws:iam::alice:user/bob", "arn:aws:iam::alice:user/p/bob",
              "arn:aws:iam::alice:role/r", "arn:aws:iam::alice:role/p/r", "arn:aws:sts::alice:assumed-role/r/s",
              "arn:aws:iam::mallory:user/bob"]
BAD_PRINCIPALS = ["", "*", "ali*", "arn:aws:iam::alice:group/g", "arn:aws:iam:::root", "arn:aws:iam::alice:user/", "arn:aws:s3:::bucket",
                  "arn:aws:sts::alice:assumed-role/r", "arn:aws-cn:iam::alice:root", "arn:aws:iam::alice:assumed-role/r/s", "a:b"]
ASKERS = [evaluator.Asker("anonymous"), evaluator.Asker("account", "alice"), evaluator.Asker("account", "mallory"),
          evaluator.Asker("account", "123456789012"), evaluator.Asker("user", "alice", "bob"), evaluator.Asker("user", "alice", "p/bob"),
          evaluator.Asker("user", "mallory", "bob"), evaluator.Asker("role", "alice", "r"), evaluator.Asker("session", "alice", "r", "s"),
          evaluator.Asker("session", "alice", "p/r", "s"), evaluator.Asker("session", "alice", "r", "t")]
ACTIONS = sorted(evaluator.ACTIONS)
COMMON = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetObjectTagging", "s3:PutObjectTagging"]


def one_or_list(random, draw, most=3):
    if random.random() < 0.5:
        return draw()
    return [draw() for _ in range(random.randint(1, most))]


def principal(random):
    if random.random() < 0.5:
        return random.choice(["*", {"AWS": "*"}, {"AWS": ["*"]}])
    if random.random() < 0.04:
        return random.choice(["alice", {}, {"AWS": []}, {"Federated": "x"}, [], {"AWS": ["*", "alice"]}, {"AWS": 1}, {"Service": "*"}, None])
    kinds = {"AWS": lambda: random.choice(PRINCIPALS if random.random() < 0.98 else BAD_PRINCIPALS),
             "CanonicalUser": lambda: random.choice(["alice", "mallory"] if random.random() < 0.98 else BAD_PRINCIPALS),
             "Service": lambda: "logging.s3.amazonaws.com"}
    chosen = random.sample(sorted(kinds), 1 if random.random() < 0.8 else 2)
    return {kind: one_or_list(random, kinds[kind]) for kind in chosen}


def action(random):
    name = random.choice(COMMON if random.random() < 0.6 else ACTIONS)
    drawn = random.random()
    if drawn < 0.35:
        return name
    if drawn < 0.45:
        return random.choice(["*", "s3:*", "S3:*", "s3:Get*", "s3:*Object", "s3:Put*", "s3:List*", "s3:**", "s3:?etObject", "s3:*Tagging"])
    if drawn < 0.47:
        return random.choice(["", "s3:", "s3", "iam:*", "GetObject", "s3:Gett*", "s3:GetObject ", "*:*", "s3:G\u0130tObject"])
    at = random.randrange(3, len(name))
    wild = random.choice([name[:at] + "*", name[:at] + "?" + name[at + 1:], name[:at] + "*" + name[at + random.randint(0, 3):]])
    return random.choice([wild, wild.upper(), name.lower(), name])


def resource(random):
    drawn = random.random()
    if drawn < 0.3:
        return random.choice(["arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", "*", "arn:aws:s3:::*"])
    if drawn < 0.33:
        return random.choice(["arn:aws:s3:::other/*", "arn:aws:s3:::bucket2", "arn:aws:s3:::", "bucket/*", "", "arn:aws:s3:::/", "arn:*",
                              "arn:aws:s3:us-east-1::bucket", "arn:aws:s3:*:*:bucket/*", "arn:aws:s3::*:bucket", "arn:aws:s3:::bucket/${aws:nothing}", "arn:aws:s3:::bucket/"])
    if drawn < 0.45:
        return "arn:aws:s3:::" + random.choice(["buck*", "*t", "b?cket", "*/*", "*et/a*", "??????", "??????/*", "bucket*", "*k*/?", "b*/*b"])
    text = random.choice(OBJECTS if random.random() < 0.8 else PATTERNS)
    for _ in range(random.randint(0, 3)):
        at = random.randint(0, len(text))
        text = text[:at] + random.choice(["*", "?", "*", ""]) + text[at + random.randint(0, 2):]
    return "arn:aws:s3:::bucket/" + text


def keys_of(actions):
    """Condition keys that some action among the patterns has, roughly."""
    named = [found for text in actions for found in evaluator.actions_of(evaluator.lower_ascii(text))]
    return sorted(set().union(*(evaluator.ACTIONS[name][1] for name in named))) if named else ["aws:referer"]


def spelled(random, key):
    return random.choice([key, key, key.upper(), key.title()])


def condition_key(random, actions):
    if random.random() < 0.02:
        return random.choice(["aws:nothing", "s3:prefix", "s3:existingobjecttag/team", "s3:existingobjecttag", "aws:referer/x", ""])
    key = random.choice(keys_of(actions))
    if evaluator.KEY_FORMS[key] == "PART":
        return spelled(random, key) + "/" + random.choice(PARTS if random.random() < 0.1 else PARTS[:4])
    return spelled(random, key)


def operator(random):
    name = random.choice(sorted(evaluator.OPERATORS))
    written = name
    if random.random() < 0.15 and (name != "Null" or random.random() < 0.1):
        written += "IfExists"
    if random.random() < 0.2:
        written = random.choice(["ForAllValues:", "ForAnyValue:", "ForAnyValue:", "ForAllValues:"]) + written
    if random.random() < 0.01:
        written = random.choice([written.lower(), "For" + written, written + "IfExists", ""])
    return name, written


def condition_value(random, name):
    pool = POOLS[evaluator.OPERATORS[name][0]][0]
    value = random.choice(pool)
    if random.random() < 0.01:
        value = random.choice([None, {}, [], "x"])
    if random.random() < 0.1:
        value = random.choice([1, 10, 10.5, True, False, value])
    return value


def condition(random, actions):
    blocks = {}
    for _ in range(random.choice([1, 1, 1, 2])):
        name, written = operator(random)
        key = condition_key(random, actions)
        if random.random() < 0.25:
            name, written = random.choice([("IpAddress", "IpAddress"), ("NotIpAddress", "NotIpAddress"), (name, written)])
            key = spelled(random, random.choice(sorted(evaluator.Statement.TIED)) if "Ip" not in name else "aws:sourceip")
        blocks.setdefault(written, {})[key] = one_or_list(random, lambda: condition_value(random, name))  # pylint: disable=cell-var-from-loop
    return blocks


def statement(random, number):
    made = {"Effect": random.choice(["Allow", "Allow", "Deny"])}
    inverts = made["Effect"] == "Deny" and random.random() < 0.25
    made["NotPrincipal" if inverts else "Principal"] = principal(random)
    actions = one_or_list(random, lambda: action(random))
    inverts_actions = random.random() < 0.12
    made["NotAction" if inverts_actions else "Action"] = actions
    made["NotResource" if random.random() < 0.12 else "Resource"] = [resource(random) for _ in range(random.choice([1, 1, 2, 3]))]
    if random.random() < 0.4:
        made["Resource"] = made.pop("Resource", made.pop("NotResource", None))
        made["Resource"] = random.choice([["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"], "*", made["Resource"]])
    if random.random() < 0.5:
        made["Condition"] = condition(random, ["s3:*"] if inverts_actions else actions if isinstance(actions, list) else [actions])
    if random.random() < 0.3:
        made["Sid"] = f"s{number}" if random.random() < 0.95 else "same"
    if random.random() < 0.01:
        made[random.choice(["Effect", "Sid", "Other", "Condition", "Principal"])] = random.choice(["", "allow", 1, None, [], {}])
    if random.random() < 0.01:
        made.pop(random.choice(sorted(made)))
    return made


def sound_statement(random, number):
    """One that is taken, nearly always: of broken ones a document has enough with one."""
    for _ in range(10 if random.random() < 0.93 else 1):
        made = statement(random, number)
        try:
            evaluator.Statement(made, BUCKET, True)
            break
        except evaluator.Malformed:
            pass
    return made


def policy(random):
    """The bytes of a document."""
    statements = [sound_statement(random, number) for number in range(random.choice([1, 1, 2, 3, 5]))]
    if random.random() < 0.2:
        statements.append({**statements[0], "Sid": "again", "Effect": "Allow" if "NotPrincipal" not in statements[0] else "Deny"})
    made = {"Version": "2012-10-17"}
    if random.random() < 0.2:
        made = random.choice([{}, {"Version": "2008-10-17"}, {"Version": "2012-10-17", "Id": "x"}])
    if random.random() < 0.01:
        made["Version"] = random.choice(["", "2012-10-18", 2012, None])
    made["Statement"] = statements[0] if len(statements) == 1 and random.random() < 0.3 else statements
    text = json.dumps(made, ensure_ascii=random.random() < 0.5, separators=random.choice([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))
    document = text.encode()
    if random.random() < 0.01:
        name = random.choice([b'"Effect"', b'"Version"', b'"Principal"', b'"Sid"'])
        document = document.replace(name, name + b':"*",' + name.replace(b"e", random.choice([b"e", b"\\u0065"])), 1)
    if random.random() < 0.04:
        at = random.randrange(len(document))
        change = random.choice([b"", b'"', b"\\", b"{", b"}", b",", b"\xff", b"\x00", b"\\u00e4", b"\\ud83d\\ude00", b"0", b" "])
        document = document[:at] + change + document[at + random.randint(0, 2):]
    return document


def question(random, document):
    """About what some statement of the policy speaks of, most often."""
    name = random.choice(COMMON if random.random() < 0.7 else ACTIONS)
    spoken_of = None
    try:
        spoken_of = random.choice(evaluator.Policy(document, BUCKET).statements)
        if random.random() < 0.8 and spoken_of.actions:
            name = random.choice(sorted(spoken_of.actions))
    except evaluator.Malformed:
        pass
    of_bucket = evaluator.ACTIONS[name][0] != "OBJECT"
    asked = evaluator.Question(random.choice(ASKERS), name, BUCKET, "" if of_bucket else random.choice(OBJECTS))
    for key in sorted(evaluator.ACTIONS[name][1]):
        if random.random() < 0.7 or len(asked.keys) == 50:
            continue
        pool = random.choice([pool for _, pool in POOLS.values()])
        form = evaluator.KEY_FORMS[key]
        values = [random.choice(pool) for _ in range(random.randint(0, 3) if form == "SET" else 1)]
        asked.keys[(key, random.choice(PARTS[:4]) if form == "PART" else "")] = values
    for operator_of, key, part, wanted in spoken_of.conditions if spoken_of else ():
        if random.random() < 0.8:
            pool = [*wanted, *POOLS[operator_of.type][1]]
            count = random.randint(0, 3) if evaluator.KEY_FORMS[key] == "SET" else 1
            asked.keys[(key, part)] = [random.choice(pool) for _ in range(count)]
    for key in spoken_of.names if spoken_of and random.random() < 0.6 else ():
        asked.keys.setdefault((key, ""), [random.choice(TEXTS)])
    return asked
