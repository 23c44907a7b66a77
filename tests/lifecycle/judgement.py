"""tests/lifecycle/judgement.py -- what lifecycle rules ask for, once more: written from what S3 promises, not from server/lifecycle.

It looks at a whole key at once, all its versions side by side, as the server does not. Rules are dictionaries:
    id, enabled, prefix, tags {key: value}, greater, less, days, date_ms, markers, noncurrent_days, newer, abort_days,
    moves [(days or date_ms as {"days"} or {"date_ms"}, class)], noncurrent_moves [(days, newer or None, class)]
of which all but the first three may be missing. A version is a Version below; those of a key stand from the newest to the oldest.
"""

import dataclasses

KEEP, EXPIRE, REMOVE_VERSION, REMOVE_MARKER = "keep", "expire", "remove-version", "remove-marker"
NEVER, ENABLED, SUSPENDED = range(3)  # versioning

MOVE = "move-to-"  # and the class

# from each class the classes that objects may move to
COLDER = {"": {"STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"},
          "STANDARD_IA": {"INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"},
          "INTELLIGENT_TIERING": {"ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"},
          "ONEZONE_IA": {"GLACIER", "DEEP_ARCHIVE"}, "GLACIER_IR": {"GLACIER", "DEEP_ARCHIVE"},
          "GLACIER": {"DEEP_ARCHIVE"}, "DEEP_ARCHIVE": set()}
CHEAPEST_FIRST = ["DEEP_ARCHIVE", "GLACIER", "INTELLIGENT_TIERING", "GLACIER_IR", "ONEZONE_IA", "STANDARD_IA"]


@dataclasses.dataclass
class Version:
    modified_ms: int
    is_marker: bool = False
    size: int = 0
    tags: dict = dataclasses.field(default_factory=dict)
    superseded_ms: int = 0  # 0: it is the current one
    is_locked: bool = False
    is_null: bool = False
    storage_class: str = ""  # STANDARD


def midnight(moment_ms, day_ms):
    """The first one that is not before the moment."""
    return -(-moment_ms // day_ms) * day_ms


def fits(rule, key, version):
    if not rule["enabled"] or not key.startswith(rule.get("prefix", b"")):
        return False
    narrow = [name for name in ("tags", "greater", "less") if rule.get(name) not in (None, {})]
    if version.is_marker:
        return not narrow
    return (("greater" not in rule or version.size > rule["greater"]) and ("less" not in rule or version.size < rule["less"]) and
            all(version.tags.get(name) == value for name, value in rule.get("tags", {}).items()))


def expiration_due(rule, version, day_ms):
    """When a current object, or a marker that stands alone, is to go; None: never."""
    if version.is_marker and rule.get("markers"):
        return version.modified_ms
    if "date_ms" in rule:
        return rule["date_ms"]
    return midnight(version.modified_ms + rule["days"] * day_ms, day_ms) if "days" in rule else None


def noncurrent_due(rule, version, newer, day_ms):
    if "noncurrent_days" not in rule or newer < rule.get("newer", 0):
        return None
    return midnight(version.superseded_ms + rule["noncurrent_days"] * day_ms, day_ms)


def first_due(rules, now_ms, due_of):
    """The id of the rule with the earliest date that has come; of equal dates the first of the document."""
    dues = [(due, place) for place, rule in enumerate(rules) if (due := due_of(rule)) is not None and due <= now_ms]
    return rules[min(dues)[1]]["id"] if dues else None


def may_be_moved(rule, version, target, varies):
    """Is it colder, and the version large enough?"""
    is_free = "greater" in rule or "less" in rule or (varies and target in ("GLACIER", "DEEP_ARCHIVE"))
    return target in COLDER[version.storage_class] and (is_free or version.size >= 128 * 1024)


def move(rules, version, newer, now_ms, day_ms, varies):
    """(class, id of the rule) to which it moves now; None: it stays."""
    dues = []
    for place, rule in enumerate(rules):
        if version.superseded_ms:
            wanted = [(midnight(version.superseded_ms + days * day_ms, day_ms), target)
                      for days, least, target in rule.get("noncurrent_moves", []) if newer >= (least or 0)]
        else:
            wanted = [(time["date_ms"] if "date_ms" in time else midnight(version.modified_ms + time["days"] * day_ms, day_ms), target)
                      for time, target in rule.get("moves", [])]
        dues += [(CHEAPEST_FIRST.index(target), due, place) for due, target in wanted
                 if due <= now_ms and may_be_moved(rule, version, target, varies)]
    if version.is_marker or not dues:
        return None
    return CHEAPEST_FIRST[min(dues)[0]], rules[min(dues)[2]]["id"]


def judge(rules, key, versions, now_ms, day_ms, versioning=ENABLED, varies=False):
    """[(action, id of the rule)] for each version of the key; KEEP has no rule."""
    said = []
    for place, version in enumerate(versions):
        matching = [rule for rule in rules if fits(rule, key, version)]
        if version.superseded_ms:  # those that stay, newer than it and not current
            newer = sum(1 for other in range(place)
                        if versions[other].superseded_ms and (said[other][0] == KEEP or said[other][0].startswith(MOVE)))
            rule = first_due(matching, now_ms, lambda rule: noncurrent_due(rule, version, newer, day_ms))
            action = REMOVE_VERSION if rule is not None and not version.is_locked else KEEP
        else:
            rule = first_due(matching, now_ms, lambda rule: expiration_due(rule, version, day_ms))
            wanted = EXPIRE if not version.is_marker else REMOVE_MARKER if len(versions) == 1 else KEEP
            action = wanted if rule is not None else KEEP
            newer = 0
        held = version.superseded_ms and rule is not None and version.is_locked  # what is to go does not move, though it stays
        moved = None if held else move(matching, version, newer, now_ms, day_ms, varies)
        is_left = versioning == ENABLED or (versioning == SUSPENDED and not version.is_null)  # under its delete marker
        if moved and (action == KEEP or (action == EXPIRE and is_left)):
            action, rule = MOVE + moved[0], moved[1]
        said.append((action, rule if action != KEEP else None))
    return said


def abort(rules, key, initiated_ms, day_ms):
    """(due, id) of the first rule that gives an upload up; None: never."""
    dues = [(midnight(initiated_ms + rule["abort_days"] * day_ms, day_ms), place) for place, rule in enumerate(rules)
            if rule["enabled"] and "abort_days" in rule and key.startswith(rule.get("prefix", b""))]
    return (min(dues)[0], rules[min(dues)[1]]["id"]) if dues else None


def document(rules, date_text):
    """The rules as S3's document; date_text writes a date."""
    parts = ["<LifecycleConfiguration>"]
    for rule in rules:
        tags = "".join(f"<Tag><Key>{name}</Key><Value>{value}</Value></Tag>" for name, value in rule.get("tags", {}).items())
        sizes = "".join(f"<{name}>{rule[short]}</{name}>" for name, short in
                        (("ObjectSizeGreaterThan", "greater"), ("ObjectSizeLessThan", "less")) if short in rule)
        prefix = f"<Prefix>{rule['prefix'].decode()}</Prefix>" if "prefix" in rule else ""
        expiration = f"<Days>{rule['days']}</Days>" if "days" in rule else ""
        expiration += f"<Date>{date_text(rule['date_ms'])}</Date>" if "date_ms" in rule else ""
        expiration += "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>" if rule.get("markers") else ""
        newer = f"<NewerNoncurrentVersions>{rule['newer']}</NewerNoncurrentVersions>" if "newer" in rule else ""
        parts += [f"<Rule><ID>{rule['id']}</ID><Status>{'Enabled' if rule['enabled'] else 'Disabled'}</Status>",
                  f"<Filter><And>{prefix}{tags}{sizes}</And></Filter>",
                  f"<Expiration>{expiration}</Expiration>" if expiration else ""]
        for time, target in rule.get("moves", []):
            when = f"<Days>{time['days']}</Days>" if "days" in time else f"<Date>{date_text(time['date_ms'])}</Date>"
            parts += [f"<Transition>{when}<StorageClass>{target}</StorageClass></Transition>"]
        for days, least, target in rule.get("noncurrent_moves", []):
            kept = f"<NewerNoncurrentVersions>{least}</NewerNoncurrentVersions>" if least else ""
            parts += [f"<NoncurrentVersionTransition><NoncurrentDays>{days}</NoncurrentDays>{kept}"
                      f"<StorageClass>{target}</StorageClass></NoncurrentVersionTransition>"]
        if "noncurrent_days" in rule:
            parts += [f"<NoncurrentVersionExpiration><NoncurrentDays>{rule['noncurrent_days']}</NoncurrentDays>{newer}"
                      "</NoncurrentVersionExpiration>"]
        if "abort_days" in rule:
            parts += [f"<AbortIncompleteMultipartUpload><DaysAfterInitiation>{rule['abort_days']}</DaysAfterInitiation>"
                      "</AbortIncompleteMultipartUpload>"]
        parts += ["</Rule>"]
    return "".join([*parts, "</LifecycleConfiguration>"]).encode()
