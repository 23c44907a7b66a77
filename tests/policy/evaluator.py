"""tests/policy/evaluator.py -- policies a second time, slow and obvious: written from AWS's documentation of the language
("IAM JSON policy elements reference", "Policy evaluation logic", "Policy grammar") and from nothing of server/access/.

`Policy(document, bucket)` raises Malformed, or has `decide(question)` and `is_public()`. Only the tables of actions and
condition keys are the server's (*.def): they are data, not judgement.
"""

import base64
import binascii
import datetime
import functools
import ipaddress
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

ACCESS = Path(__file__).resolve().parents[2] / "server/access"


class Malformed(Exception):
    pass


def refuse_unless(condition, why):
    if not condition:
        raise Malformed(why)


# ---- the tables ----


def read_tables():
    source = (ACCESS / "actions.c").read_text()
    ids = {}
    forms = {}
    for name, text, form in re.findall(r'^CONDITION_KEY\((\w+), "([^"]+)", (\w+)\)', (ACCESS / "condition_keys.def").read_text(),
                                       re.M):
        ids[name] = text.lower()
        forms[text.lower()] = form
    names = list(ids)
    of_all = {ids[name] for name in names[:names.index("PrincipalOrgID") + 1]}
    groups = {group: {ids[name] for name in re.findall(r"BIT\((\w+)\)", body)}
              for group, body in re.findall(r"#define (KEYS_\w+)\s((?:[^\n]*\\\n)*[^\n]*)", source)}
    actions = {}
    for name, resource, keys in re.findall(r"^ACTION\((\w+), (\w+), ([^)]*)\)", (ACCESS / "actions.def").read_text(), re.M):
        found = set(of_all)
        for group in keys.split("|"):
            found |= groups[group.strip()]
        actions["s3:" + name] = (resource, found)
    return actions, forms


ACTIONS, KEY_FORMS = read_tables()  # {"s3:GetObject": ("OBJECT", {keys})}, {"aws:sourceip": "ONE"}


# ---- questions ----


@dataclass
class Asker:
    kind: str  # anonymous, account, user, role, session
    account: str = ""
    name: str = ""
    session: str = ""


@dataclass
class Question:
    asker: Asker
    action: str
    bucket: str
    key: str
    keys: dict = field(default_factory=dict)  # {("s3:existingobjecttag", "team"): ["x"]}, names in lower case

    def values(self, name, part):
        """None where the action does not have the key."""
        return self.keys.get((name, part), []) if name in ACTIONS[self.action][1] else []


# ---- wildcards and variables ----

STAR, ONE = object(), object()


def tokens(text, question, wildcards, variables):
    """Characters, STAR and ONE. None: a variable that is absent. `question` None: variables stand for anything."""
    found = []
    at = 0
    while at < len(text):
        if variables and text.startswith("${", at):
            end = text.index("}", at)
            name = text[at + 2:end]
            at = end + 1
            if name in ("*", "?", "$"):
                found.append(name)
            elif question is None:
                found.append(STAR)
            elif not question.values(name.lower(), ""):
                return None
            else:
                found.extend(question.values(name.lower(), "")[0])
            continue
        found.append({"*": STAR, "?": ONE}.get(text[at], text[at]) if wildcards else text[at])
        at += 1
    return found


def reachable(pattern, text):
    """The positions of the pattern at which one may be, after all of the text."""
    at = closure(pattern, {0})
    for character in text:
        if not at:
            break
        after = set()
        for place in at:
            if place < len(pattern):
                if pattern[place] is STAR:
                    after.add(place)
                elif pattern[place] is ONE or pattern[place] == character:
                    after.add(place + 1)
        at = closure(pattern, after)
    return at


def closure(pattern, places):
    found = set()
    for place in places:
        found.add(place)
        while place < len(pattern) and pattern[place] is STAR:
            place += 1
            found.add(place)
    return found


def matches(pattern, text):
    return len(pattern) in reachable(pattern, text)


def check_variables(text):
    """Names of the variables of a text, checked."""
    names = []
    for piece in text.split("${")[1:]:
        refuse_unless("}" in piece, "a variable that does not end")
        name = piece.split("}")[0]
        if name not in ("*", "?", "$"):
            refuse_unless(KEY_FORMS.get(name.lower()) == "ONE", "an unknown variable")
            names.append(name.lower())
    return names


def tries_of(text, wildcards, variables):
    bare = re.sub(r"\$\{[^}]*\}?", "", text) if variables else text
    named = check_variables(text) if variables else []
    return len(named) + (bare.count("?") if wildcards else 0)


# ---- values ----


def number(text):
    text = re.sub(r"\A0+(?=[0-9])", "", text)
    if len(text) > 64 or not re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


MOMENT = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[-+]\d{2}:\d{2}))?", re.A)


def moment(text):
    """Milliseconds since 1970."""
    if re.fullmatch(r"[0-9]+", text):
        return int(text) * 1000 if int(text) <= (2**63 - 1) // 1000 else None
    found = MOMENT.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        whole = datetime.datetime(int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    result = (whole - datetime.datetime(1970, 1, 1)) // datetime.timedelta(milliseconds=1)
    result += int(((fraction or "") + "000")[:3])
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:])
        if hours > 23 or minutes > 59:
            return None
        result -= (hours * 60 + minutes) * 60000 * (1 if zone[0] == "+" else -1)
    return result


def network(text):
    try:
        address, slash, prefix = text.partition("/")
        parsed = ipaddress.ip_address(address)
        if getattr(parsed, "scope_id", None) or (slash and not re.fullmatch(r"[0-9]{1,3}", prefix)):
            return None
        bits = int(prefix) if slash else parsed.max_prefixlen
        if parsed.version == 6 and parsed.ipv4_mapped:
            parsed, bits = parsed.ipv4_mapped, bits - 96
        kind = ipaddress.IPv4Network if parsed.version == 4 else ipaddress.IPv6Network
        return kind((int(parsed), bits), strict=False)
    except ValueError:
        return None


def boolean(text):
    return {"true": True, "false": False}.get(text.lower())


def arn_parts(text, variables):
    """Six of them; colons inside of variables do not part."""
    parts = [""]
    inside = False
    for at, character in enumerate(text):
        if variables and text.startswith("${", at):
            inside = True
        elif character == "}":
            inside = False
        if character == ":" and not inside and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += character
    return parts if len(parts) == 6 else None


# ---- operators ----


def lower_ascii(text):
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def all_operators():
    """{name: (type, comparison, negated)}, as the reference lists them."""
    found = {"Bool": ("Bool", "==", False), "BinaryEquals": ("BinaryEquals", "==", False), "Null": ("Null", "==", False),
             "IpAddress": ("IpAddress", "==", False), "NotIpAddress": ("IpAddress", "==", True)}
    for stem, kinds in (("String", ("Equals", "EqualsIgnoreCase", "Like")), ("Arn", ("Equals", "Like"))):
        for kind in kinds:
            found[stem + kind] = ("Arn" if stem == "Arn" else stem + kind, "==", False)
            found[stem + "Not" + kind] = ("Arn" if stem == "Arn" else stem + kind, "==", True)
    for stem in ("Numeric", "Date"):
        found[stem + "NotEquals"] = (stem, "==", True)
        for kind, comparison in (("Equals", "=="), ("LessThan", "<"), ("LessThanEquals", "<="), ("GreaterThan", ">"),
                                 ("GreaterThanEquals", ">=")):
            found[stem + kind] = (stem, comparison, False)
    return found


OPERATORS = all_operators()


class Operator:
    def __init__(self, name):
        self.quantifier = None
        for quantifier in ("ForAllValues", "ForAnyValue"):
            if name.startswith(quantifier + ":"):
                self.quantifier = quantifier
                name = name[len(quantifier) + 1:]
        self.if_exists = name.endswith("IfExists")
        name = name[:-len("IfExists")] if self.if_exists else name
        refuse_unless(name in OPERATORS, "unknown operator")
        self.type, self.comparison, self.negated = OPERATORS[name]
        refuse_unless(self.type != "Null" or not self.if_exists, "unknown operator")

    def check(self, value, variables):
        """Is it a value for this operator? Gives the names of its variables."""
        if self.type == "Numeric":
            refuse_unless(number(value) is not None, "no number")
        elif self.type == "Date":
            refuse_unless(moment(value) is not None, "no date")
        elif self.type in ("Bool", "Null"):
            refuse_unless(boolean(value) is not None, "no boolean")
        elif self.type == "IpAddress":
            refuse_unless(network(value) is not None, "no network")
        elif self.type == "BinaryEquals":
            try:
                refuse_unless(base64.b64encode(base64.b64decode(value, validate=True)).decode() == value, "no base64")
            except (binascii.Error, ValueError) as error:
                raise Malformed("no base64") from error
        else:
            names = check_variables(value) if variables else []
            refuse_unless(self.type != "Arn" or arn_parts(value, variables) is not None, "no ARN")
            return names
        return []

    def fits(self, asked, value, question, variables):
        """One value of the request, one of the policy, before negation."""
        if self.type in ("StringEquals", "StringLike"):
            return matches(tokens(value, question, self.type == "StringLike", variables), asked)
        if self.type == "StringEqualsIgnoreCase":
            return lower_ascii("".join(tokens(value, question, False, variables))) == lower_ascii(asked)
        if self.type == "Arn":
            parts = arn_parts(asked, False)
            return parts is not None and all(matches(tokens(pattern, question, True, variables), part)
                                             for pattern, part in zip(arn_parts(value, variables), parts))
        if self.type == "BinaryEquals":
            return base64.b64decode(value) == asked.encode()
        if self.type == "IpAddress":
            address = network(asked)
            if address is None or address.num_addresses != 1:
                return False
            there = network(value)
            return there.version == address.version and address.subnet_of(there)
        if self.type == "Bool":
            return boolean(asked) is not None and boolean(asked) == boolean(value)
        read = number if self.type == "Numeric" else moment
        mine, theirs = read(asked), read(value)
        if mine is None:
            return False
        return {"==": mine == theirs, "<": mine < theirs, "<=": mine <= theirs, ">": mine > theirs, ">=": mine >= theirs}[
            self.comparison]

    def holds(self, values, wanted, question, variables):
        if self.type == "Null":
            return any(boolean(value) == (not values) for value in wanted)
        if not values and self.if_exists:
            return True

        def satisfied(asked):
            return any(self.fits(asked, value, question, variables) for value in wanted) != self.negated

        if self.quantifier == "ForAllValues":
            return all(satisfied(asked) for asked in values)
        if self.quantifier == "ForAnyValue":
            return any(satisfied(asked) for asked in values)
        if self.negated:
            return all(satisfied(asked) for asked in values)
        return any(satisfied(asked) for asked in values)


# ---- elements ----


def listed(value):
    return value if isinstance(value, list) else [value]


class Literal(str):
    """A number or a boolean of JSON, as it was written."""


def load(document):
    def pairs(members):
        refuse_unless(len({name for name, _ in members}) == len(members), "duplicate name")
        refuse_unless(len(members) <= 256, "too many members")
        return dict(members)

    def constant(_):
        raise Malformed("no JSON")

    refuse_unless(document[:1] == b"{", "first byte")
    try:
        text = document.decode("utf-8")
        root = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_int=Literal, parse_float=Literal)
        json.dumps(root, ensure_ascii=False).encode("utf-8")  # no half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise Malformed("no JSON") from error

    def depth(value):
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + max(map(depth, children), default=0)

    refuse_unless(depth(root) <= 8, "too deep")
    return root


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    refuse_unless(isinstance(value, str), "wrong type")
    return str(value)


def string(value):
    refuse_unless(isinstance(value, str) and not isinstance(value, Literal), "no string")
    return value


class Principals:
    def __init__(self, value):
        self.everyone = False
        self.found = []  # (kind, account, name, session)
        if not isinstance(value, dict):
            refuse_unless(string(value) == "*", "principal")
            self.everyone = True
            return
        count = 0
        for kind, names in value.items():
            refuse_unless(kind in ("AWS", "CanonicalUser", "Service") and names != [], "principal")
            for name in listed(names):
                count += 1
                self.add(kind, string(name))
        refuse_unless(count > 0 and (not self.everyone or count == 1), "principal")

    def add(self, kind, name):
        if kind == "AWS" and name == "*":
            self.everyone = True
            return
        refuse_unless(name and "*" not in name and "?" not in name, "principal")
        if kind == "Service":
            return
        if ":" not in name:
            self.found.append(("account", name, "", ""))
            return
        refuse_unless(kind == "AWS", "principal")
        for pattern, what in ((r"arn:aws:iam::([^:]+):root", "account"), (r"arn:aws:iam::([^:]+):user/([^:]+)", "user"),
                              (r"arn:aws:iam::([^:]+):role/([^:]+)", "role"),
                              (r"arn:aws:sts::([^:]+):assumed-role/([^:/]+)/([^:/]+)", "session")):
            found = re.fullmatch(pattern, name, re.S)
            if found:
                account, who, session = (*found.groups(), "", "")[:3]
                self.found.append((what, account, who, session))
                return
        raise Malformed("principal")

    def match(self, asker):
        """None, "account" or "name"."""
        if self.everyone:
            return "name"
        best = None
        for kind, account, name, session in self.found:
            if asker.kind == "anonymous" or account != asker.account:
                continue
            exact = {
                "account": asker.kind == "account",
                "user": asker.kind == "user" and name == asker.name,
                "role": asker.kind in ("role", "session") and name == asker.name,
                "session": asker.kind == "session" and name == asker.name.split("/")[-1] and session == asker.session,
            }[kind]
            if exact:
                return "name"
            if kind == "account":
                best = "account"
        return best


@functools.lru_cache(maxsize=10000)
def actions_of(lowered):
    pattern = tokens(lowered, None, True, False)
    return frozenset(action for action in ACTIONS if matches(pattern, action.lower()))


class Statement:
    FIELDS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}

    def __init__(self, value, bucket, variables):
        refuse_unless(isinstance(value, dict) and set(value) <= self.FIELDS, "statement")
        for name in ("Principal", "Action", "Resource"):
            refuse_unless((name in value) != ("Not" + name in value), name)
        self.sid = string(value.get("Sid", ""))
        self.effect = string(value.get("Effect"))
        refuse_unless(self.effect in ("Allow", "Deny"), "effect")
        self.variables = variables
        self.names = []  # of variables
        self.tries = 0  # question marks and variables
        self.inverts_principals = "NotPrincipal" in value
        refuse_unless(not self.inverts_principals or self.effect == "Deny", "Allow with NotPrincipal")
        self.principals = Principals(value.get("Principal", value.get("NotPrincipal")))
        self.inverts_resources = "NotResource" in value
        self.resources = [self.resource(text, bucket) for text in listed(value.get("Resource", value.get("NotResource")))]
        refuse_unless(self.resources, "resource")
        kinds = {kind for resource in self.resources for kind in self.reach(resource, bucket)}
        kinds = {"BUCKET", "OBJECT"} if self.inverts_resources else kinds
        self.actions = set()
        named = listed(value.get("Action", value.get("NotAction")))
        refuse_unless(named, "action")
        for text in named:
            found = self.action(string(text))
            refuse_unless("NotAction" in value or any(ACTIONS[action][0] in kinds for action in found), "no resource")
            self.actions |= found
        if "NotAction" in value:
            self.actions = set(ACTIONS) - self.actions
        able = [action for action in self.actions if ACTIONS[action][0] in kinds]
        refuse_unless(able, "no resource")
        self.conditions = []
        self.read_conditions(value.get("Condition", {}), set().union(*(ACTIONS[action][1] for action in able)))

    def resource(self, text, bucket):
        text = string(text)
        if text != "*":
            found = re.fullmatch(r"arn:aws:s3:\*?:\*?:(.+)", text, re.S)
            refuse_unless(found, "resource")
            text = found.group(1)
        if self.variables:
            self.names += check_variables(text)
        refuse_unless(self.reach(text, bucket), "resource")
        self.tries += tries_of(text, True, self.variables)
        return text

    def reach(self, text, bucket):
        pattern = tokens(text, None, True, self.variables)
        kinds = {"BUCKET"} if matches(pattern, bucket) else set()
        return kinds | ({"OBJECT"} if reachable(pattern, bucket + "/") else set())

    @staticmethod
    def action(text):
        lowered = lower_ascii(text)
        refuse_unless(lowered == "*" or lowered.startswith("s3:"), "action")
        refuse_unless(len(text.encode()) <= 128, "action")
        found = actions_of(lowered)
        refuse_unless(found, "action")
        return found

    def read_conditions(self, value, allowed):
        refuse_unless(isinstance(value, dict), "condition")
        for operator, keys in value.items():
            refuse_unless(isinstance(keys, dict) and keys, "condition")
            for name, wanted in keys.items():
                parsed = Operator(operator)
                stem, slash, part = name.partition("/")
                stem = lower_ascii(stem)
                refuse_unless(stem in KEY_FORMS, "key")
                refuse_unless(bool(slash) == (KEY_FORMS[stem] == "PART") and (not slash or 0 < len(part.encode()) <= 128), "key")
                refuse_unless(stem in allowed, "key does not apply")
                wanted = [scalar(item) for item in listed(wanted)]
                refuse_unless(wanted, "no values")
                for item in wanted:
                    if parsed.type in ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "Arn"):
                        self.tries += tries_of(item, parsed.type in ("StringLike", "Arn"), self.variables)
                    self.names += parsed.check(item, self.variables)
                self.conditions.append((parsed, stem, part, wanted))

    def match(self, question):
        """None, "account" or "name"."""
        if question.action not in self.actions:
            return None
        who = self.principals.match(question.asker)
        if self.inverts_principals:
            who = None if who else "name"
        if who is None or not all(question.values(name, "") for name in self.names):
            return None
        text = question.bucket + ("/" + question.key if question.key else "")
        found = any(matches(tokens(resource, question, True, self.variables), text) for resource in self.resources)
        if found == self.inverts_resources:
            return None
        for operator, stem, part, wanted in self.conditions:
            if not operator.holds(question.values(stem, part), wanted, question, self.variables):
                return None
        return who

    TIED = {"aws:sourceip", "aws:principalarn", "aws:principalaccount", "aws:userid", "aws:sourcearn", "aws:sourcevpc",
            "aws:sourcevpce", "aws:sourceaccount", "aws:principalorgid"}

    def is_public(self):
        if self.effect != "Allow" or not self.principals.everyone:
            return False
        for operator, stem, _, wanted in self.conditions:
            positive = not operator.negated and operator.comparison == "==" and not operator.if_exists
            if stem in self.TIED and positive and operator.quantifier != "ForAllValues" and \
                    all(self.is_fixed(operator, value) for value in wanted) and \
                    not (stem == "aws:userid" and operator.holds(["anonymous"], wanted, None, self.variables)):
                return False
        return True

    def is_fixed(self, operator, value):
        if operator.type == "IpAddress":
            there = network(value)
            return there.prefixlen >= (8 if there.version == 4 else 32) or \
                (there.version == 6 and there.subnet_of(ipaddress.ip_network("fc00::/7")))
        if operator.type in ("Bool", "Null", "Date"):
            return False
        if operator.type in ("Numeric", "BinaryEquals"):
            return True
        if self.variables and check_variables(value):
            return False
        wildcards = operator.type in ("StringLike", "Arn")
        return not any(token in (STAR, ONE) for token in tokens(value, None, wildcards, self.variables))


@dataclass
class Decision:
    effect: str  # none, allow, deny
    by_name: bool = False
    statement: int = 0


class Policy:
    def __init__(self, document, bucket):
        refuse_unless(len(document) <= 20480, "too large")
        root = load(document)
        refuse_unless(set(root) <= {"Version", "Id", "Statement"}, "unknown field")
        version = string(root.get("Version", "2008-10-17"))
        refuse_unless(version in ("2008-10-17", "2012-10-17"), "version")
        string(root.get("Id", ""))
        self.statements = [Statement(value, bucket, version == "2012-10-17") for value in listed(root.get("Statement", []))]
        refuse_unless(self.statements, "no statement")
        refuse_unless(sum(statement.tries for statement in self.statements) <= 256, "too many tries")
        sids = [statement.sid for statement in self.statements if statement.sid]
        refuse_unless(len(set(sids)) == len(sids), "duplicate Sid")

    def decide(self, question):
        """A Deny decides; else the first Allow that names who asks, else the first."""
        matched = [(number, statement.effect, statement.match(question)) for number, statement in enumerate(self.statements)]
        for effect, strengths in (("Deny", ("name", "account")), ("Allow", ("name",)), ("Allow", ("account",))):
            for number, of, strength in matched:
                if of == effect and strength in strengths:
                    return Decision(effect.lower(), strength == "name", number)
        return Decision("none")

    def is_public(self):
        return any(statement.is_public() for statement in self.statements)
