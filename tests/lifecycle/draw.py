"""tests/lifecycle/draw.py -- rules and keys at random: times close to midnights, prefixes that enclose each other, sizes at the edge."""

import datetime

import judgement

DAY_MS = 86400 * 1000
NOW_DAY = 20000
PREFIXES = (b"", b"a", b"a/", b"a/b", b"a/b/", b"ab", b"b/", b"c")
KEYS = (b"a", b"a/", b"a/b", b"a/b/c", b"ab", b"abc", b"b", b"b/x", b"c", b"d/e")
SIZES = (0, 1, 9, 10, 11, 131071, 131072)
TAGS = {"color": ("red", "blue"), "age": ("1", "2")}


def date_text(moment_ms):
    return datetime.datetime.fromtimestamp(moment_ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def moment(source):
    """Of the last days, often at a midnight or a millisecond beside one."""
    near = source.choice((0, 0, 1, -1, source.randrange(DAY_MS)))
    return (NOW_DAY - source.randrange(6)) * DAY_MS + near


def tags(source):
    return {name: source.choice(values) for name, values in TAGS.items() if source.random() < 0.5}


CLASSES = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")


def transitions(source, drawn):
    """At most two for each kind, the later one to a deeper class, and before what the rule removes, as S3 asks."""
    target = source.choice(CLASSES)
    if "days" in drawn or "date_ms" in drawn:
        return {}
    time = source.choice(({"days": source.randrange(3)}, {"date_ms": (NOW_DAY + source.randrange(-2, 3)) * DAY_MS}))
    newer = source.choice((None, 1, 2))
    if "noncurrent_days" in drawn:
        return {"moves": [(time, target)]}
    return source.choice(({"moves": [(time, target)]}, {"noncurrent_moves": [(source.randrange(1, 4), newer, target)]}))


def rule(source, number):
    drawn = {"id": f"r{number}", "enabled": source.random() < 0.9}
    if source.random() < 0.8:
        drawn["prefix"] = source.choice(PREFIXES)
    is_narrow = source.random() < 0.4
    if is_narrow:
        drawn["tags"] = tags(source)
        low, high = sorted(source.sample(SIZES, 2))
        drawn |= source.choice(({}, {"greater": low}, {"less": high}, {"greater": low, "less": high}))
    expiration = source.choice(("days", "date", "none", "none" if is_narrow and (drawn["tags"] or "less" in drawn or "greater" in drawn)
                                else "markers"))
    drawn |= {"days": {"days": source.randrange(1, 6)}, "date": {"date_ms": (NOW_DAY + source.randrange(-2, 3)) * DAY_MS},
              "markers": {"markers": True}, "none": {}}[expiration]
    if source.random() < 0.6 or expiration == "none":
        drawn["noncurrent_days"] = source.randrange(1, 5)
        if source.random() < 0.5:
            drawn["newer"] = source.randrange(1, 4)
    if source.random() < 0.4:
        drawn |= transitions(source, drawn)
    if not is_narrow and source.random() < 0.2:
        drawn["abort_days"] = source.randrange(1, 5)
    return drawn


def version(source, modified_ms, superseded_ms, has_locks):
    is_marker = source.random() < 0.25
    drawn = judgement.Version(modified_ms, is_marker, superseded_ms=superseded_ms)
    if not is_marker:
        drawn.size, drawn.tags = source.choice(SIZES), tags(source)
        drawn.is_locked = has_locks and source.random() < 0.3
        drawn.storage_class = source.choice(("", "", *CLASSES))
        drawn.is_null = not superseded_ms and source.random() < 0.3
    return drawn


def versions(source):
    """Of one key, from the newest to the oldest."""
    times = sorted((moment(source) for _ in range(source.choice((1, 1, 1, 2, 3, 6)))), reverse=True)
    has_locks = source.random() < 0.3
    return [version(source, time, times[place - 1] if place > 0 else 0, has_locks) for place, time in enumerate(times)]


def case(source):
    """(rules, {key: versions}, now, [(key, initiated)], versioning, do sizes vary by class)"""
    rules = [rule(source, number) for number in range(source.choice((1, 2, 3, 8)))]
    keys = {key: versions(source) for key in sorted(source.sample(KEYS, 4))}
    now_ms = NOW_DAY * DAY_MS + source.choice((0, 1, -1, source.randrange(DAY_MS)))
    uploads = [(source.choice(KEYS), moment(source)) for _ in range(2)]
    return rules, keys, now_ms, uploads, source.randrange(3), source.random() < 0.3
