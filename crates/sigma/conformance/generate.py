#!/usr/bin/env python3
"""Asks pySigma's SQLite backend what rules find, and writes it down for our test.

    pip install 'pysigma==2.0.1' 'pysigma-backend-sqlite==2.1.1'
    python3 generate.py            # writes golden.json beside itself
    python3 generate.py --stdout   # for a live comparison

Everything is seeded: the same versions give the same file. Rules of the part `agree` must find the
same in both; those of the part `differ` are the known differences, each with the heading under which
docs/SIGMA.md explains it.
"""

import base64
import json
import random
import re
import sqlite3
import sys
from pathlib import Path

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

FIELDS = ["F", "G", "N", "B", "T", "A"]
rng = random.Random(20260101)

WORDS = ["cmd", "Cmd.exe", "whoami", "a", "b", "ab", "A B", "", "c:\\x\\y.exe", "C:\\X\\Y.EXE", "100%", "a_b",
         "it's", "\"q\"", "x*y", "x?y", "back\\slash", "-enc", "/enc", "ping -n 1", "[ab]", "line", "tab\tin"]
TIMES = ["2026-01-02T03:04:05Z", "2026-11-22T23:59:59Z", "2025-12-31T00:00:00Z", "2026-01-02 03:04:05"]
ADDRESSES = ["10.1.2.3", "10.200.0.1", "11.0.0.1", "192.168.1.77", "192.168.2.1", "172.16.5.5"]


def b64(text, encoding="utf-8"):
    return base64.b64encode(text.encode(encoding)).decode()


def events():
    """Records whose values have one type for each field, so that both sides see the same."""
    made = []
    for number in range(70):
        event = {}
        for field in FIELDS:
            if rng.random() < 0.25:
                continue
            if field in "FG":
                value = rng.choice(WORDS)
                if rng.random() < 0.4:
                    value += rng.choice(WORDS)
                if rng.random() < 0.2:
                    value = value.upper()
            elif field == "N":
                value = rng.choice([0, 1, 2, 7, 10, 4688, -3, 2.5])
            elif field == "B":
                value = rng.random() < 0.5
            elif field == "T":
                value = rng.choice(TIMES)
            else:
                value = rng.choice(ADDRESSES)
            event[field] = value
        made.append(event)
    for text in ["cmd", "whoami /all", "secret", "ping -n 1"]:
        made.append({"F": b64(text), "G": "x"})
        made.append({"F": b64("xx" + text + "yy"), "G": b64(text, "utf-16le")})
        made.append({"F": b64("x" + text), "G": b64("x" + text, "utf-16le")})
        made.append({"F": b64(text, "utf-16"), "G": b64(text, "utf-16be")})
    made.append({"F": "same", "G": "SAME"})
    made.append({"F": "path/same", "G": "same"})
    made.append({"F": "same/path", "G": "same"})
    made.append({})
    return made


def quoted(value):
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value)


def item(key, values):
    if isinstance(values, list):
        return f"    {key}:\n" + "".join(f"      - {quoted(value)}\n" for value in values)
    return f"    {key}: {quoted(values)}\n"


def rule(detection, condition="s", name="r"):
    return (f"title: {name}\nname: {name}\nlogsource:\n  product: any\ndetection:\n{detection}"
            f"  condition: {condition}\n")


def search(name, *items):
    return f"  {name}:\n" + "".join(items)


def escaped(text):
    """As a value of a rule that means this very text."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def text_value():
    word = rng.choice(WORDS)
    kind = rng.random()
    if kind < 0.5:
        return escaped(word)
    if kind < 0.6:
        return word
    pieces = [escaped(part) for part in re.split("(.)", word) if part]
    for _ in range(rng.randint(1, 2)):
        pieces.insert(rng.randint(0, len(pieces)), rng.choice("*?"))
    return "".join(pieces)


def random_item():
    """A field with any modifiers, and values that suit them."""
    kind = rng.randrange(15)
    field = rng.choice("FG")
    values = [text_value() for _ in range(rng.randint(1, 3))]
    values = values[0] if len(values) == 1 else values
    plain = [escaped(word) for word in rng.sample([word for word in WORDS if word], 2)]
    position = rng.choice(["contains", "startswith", "endswith"])
    if kind == 0:
        return item(field, values)
    if kind == 1:
        return item(f"{field}|{position}", values)
    if kind == 2:
        return item(f"{field}|{position}|all", [text_value(), text_value()])
    if kind == 3:
        return item(f"{field}|{position}|cased", plain)
    if kind == 4:
        return item(f"{field}|cased", values)
    if kind == 5:
        return item(f"{field}|neq", values)
    if kind == 6:
        flags = rng.choice(["", "|i", "|i|m", "|s", "|m"])
        return item(f"{field}|re{flags}", rng.choice(["^c", "a.b", "[ab]+", "exe$", r"\\x", "(cmd|whoami)", "^.*q", "i?t's"]))
    if kind == 7:
        return item(f"N|{rng.choice(['lt', 'lte', 'gt', 'gte'])}", rng.choice([0, 1, 2.5, 10, -3]))
    if kind == 8:
        return item("N", rng.choice([0, 1, 7, 4688, [1, 2], [-3, 10]]))
    if kind == 9:
        return item("B", rng.choice([True, False]))
    if kind == 10:
        return item(f"{rng.choice(FIELDS)}|exists", rng.choice([True, False]))
    if kind == 11:
        return item(rng.choice(FIELDS), None)
    if kind == 12:
        position = rng.choice(["", "|startswith", "|endswith"])
        return item(f"F|fieldref{position}", "G")
    if kind == 13:
        return item("A|cidr", rng.choice(["10.0.0.0/8", "192.168.1.0/24", ["10.0.0.0/16", "172.16.0.0/12"], "11.0.0.1/32"]))
    part, number = rng.choice([("minute", 4), ("minute", 59), ("hour", 3), ("hour", 0), ("day", 2), ("day", 31), ("month", 1), ("month", 11), ("year", 2026)])
    return item(f"T|{part}", number)


CONDITIONS = [
    "a", "a and b", "a or b", "not a", "a and not b", "not (a or b)", "not a and not b", "a or b and c",
    "(a or b) and c", "1 of them", "all of them", "1 of a*", "all of *", "any of them", "not 1 of them",
    "a and 1 of b*", "all of a* or not c", "not (not a)", "a and (b or not (c and a))",
]


def every_modifier():
    """Each modifier by itself."""
    for word in ["cmd", "whoami /all", "secret", "ping -n 1"]:
        yield "base64", search("s", item("F|base64", word))
        yield "base64-contains", search("s", item("F|base64|contains", word))
        yield "base64offset", search("s", item("F|base64offset|contains", word))
        yield "wide", search("s", item("G|wide|base64", word))
        yield "wide-offset", search("s", item("G|wide|base64offset|contains", word))
        yield "utf16be", search("s", item("G|utf16be|base64", word))
        yield "utf16", search("s", item("F|utf16|base64", word))
    for word in ["-enc", "/enc", "ping -n", " -n "]:
        yield "windash", search("s", item("F|windash|contains", word))
        yield "windash-or", search("s", item("F|windash|contains", [word, "cmd"]))
        yield "windash-all", search("s", item("F|contains|all|windash", [word, "ping"]))
    for word in ["cmd", "x*y", "100%", "a_b", "it's"]:
        yield "keyword", f"  s: {quoted(escaped(word))}\n"
        yield "keywords", f"  s:\n    - {quoted(escaped(word))}\n    - whoami\n"
        yield "keywords-all", search("s", item("'|all'", [escaped(word), "a"]))
    yield "keyword-re", search("s", item("'|re'", "c[mn]d"))
    yield "list-of-maps", "  s:\n    - F: cmd\n    - G: whoami\n      N: 1\n"
    yield "empty-text", search("s", item("F", ""))
    yield "number-list", search("s", item("N", [1, 2, 4688]))
    yield "null-or", search("s", item("F", [None, "cmd"]))


BASES = "".join(rule(search("s", item("Kind", kind)), name=kind) + "---\n" for kind in "abc")


def correlations():
    """Each kind of correlation with several thresholds and spans, and events for it."""
    kinds = [("event_count", f"{{{op}: {count}}}") for op in ["gte", "gt", "eq", "lt"] for count in [1, 2, 3]]
    kinds += [("value_count", f"{{gte: {count}, field: V}}") for count in [1, 2, 3]]
    kinds += [("value_sum", f"{{gt: {than}, field: V}}") for than in [2, 5]]
    kinds += [("value_avg", f"{{gte: {than}, field: V}}") for than in [1, 2]]
    kinds += [("value_median", "{gt: 1, field: V}")]
    kinds += [("temporal", None), ("temporal_ordered", None)] * 4
    for number, (kind, condition) in enumerate(kinds):
        text = (f"title: C\nname: corr\ncorrelation:\n  type: {kind}\n  rules: [a, b, c]\n"
                f"  group-by: [User]\n  timespan: {rng.choice([3, 5, 10])}s\n")
        text += f"  condition: {condition}\n" if condition else ""
        made = [
            {"timestamp": rng.randint(0, 60), "Kind": rng.choice("abcd"), "User": rng.choice(["x", "y", None]),
             "V": rng.choice([0, 1, 2, 3, None])}
            for _ in range(40)
        ]
        yield f"{kind}-{number}", BASES + text, made


def correlated(text, made):
    """Group, second and amount of everything that pySigma's windows find."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE logs (timestamp, Kind, User, V)")
    for event in made:
        connection.execute("INSERT INTO logs VALUES (:timestamp, :Kind, :User, :V)", event)
    backend = sqliteBackend(collate_nocase=True, timestamp_format="unix")
    found = []
    for query in backend.convert(SigmaCollection.from_yaml(text)):
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            row = dict(zip(names, row))
            found.append([json.loads(row["group_keys"])["User"], int(row["occurrence_time"]), row["metric_value"]])
    # One for each event there; events of one second are one step here.
    return sorted(set(map(tuple, found)))


# What differs on purpose: the heading in docs/SIGMA.md, the detection, a record that shows it.
DIFFERENCES = [
    ("Case beyond ASCII", search("s", item("F", "ÄRGER")), {"F": "ärger"}),
    ("Numbers and their spelling", search("s", item("N", 4688)), {"N": "4688"}),
    ("Numbers and their spelling", search("s", item("N", "4688")), {"N": 4688}),
    ("Numbers and their spelling", search("s", item("N|gt", 5)), {"N": "4"}),
    ("Truth values", search("s", item("B", True)), {"B": 1}),
    ("ISO weeks", search("s", item("T|week", 1)), {"T": "2026-01-02T03:04:05Z"}),
    ("Moments as numbers", search("s", item("T|year", 2026)), {"T": 1767323045}),
    ("Networks", search("s", item("A|cidr", "10.0.0.0/8")), {"A": "10.not.an.address"}),
    ("Networks", search("s", item("A|cidr", "10.0.0.0/8")), {"A": "::ffff:10.1.2.3"}),
    ("The end of a text", search("s", item("F|re", "exe$")), {"F": "cmd.exe\n"}),
]


def table(made):
    connection = sqlite3.connect(":memory:")
    connection.create_function(
        "REGEXP", 2, lambda pattern, text: text is not None and re.search(pattern, str(text)) is not None)
    connection.execute(f"CREATE TABLE logs (id, {', '.join(FIELDS)}, fulltext)")
    for number, event in enumerate(made):
        texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in event.values()]
        row = [number, *(event.get(field) for field in FIELDS), "\n".join(texts)]
        connection.execute(f"INSERT INTO logs VALUES ({', '.join('?' * len(row))})", row)
    return connection


def asked(connection, text):
    """The records that a rule finds, or why pySigma does not take it."""
    backend = sqliteBackend(collate_nocase=True, fulltext_field="fulltext")
    try:
        queries = backend.convert(SigmaCollection.from_yaml(text))
    except Exception as error:  # noqa: BLE001: whatever it is, it is its answer
        return {"refused": f"{type(error).__name__}: {error}"}
    found = set()
    for query in queries:
        found |= {row[0] for row in connection.execute(query)}
    return {"found": sorted(found)}


def main():
    made = events()
    connection = table(made)
    agree = []
    for name, detection in every_modifier():
        agree.append((name, rule(detection)))
    for number in range(400):
        detection = search("s", random_item())
        agree.append((f"item-{number}", rule(detection)))
    for number in range(200):
        names = ["a", "b", "c"]
        detection = "".join(search(name, *{line.split(":")[0]: line for line in [random_item() for _ in range(rng.randint(1, 2))]}.values()) for name in names)
        condition = CONDITIONS[number % len(CONDITIONS)]
        agree.append((f"condition-{number}", rule(detection, condition)))
    detection = "".join(search(name, random_item()) for name in "ab")
    agree.append(("condition-list", rule(detection, "\n    - a\n    - a and b")))
    golden = {
        "made_by": "pysigma 2.0.1, pysigma-backend-sqlite 2.1.1; conformance/generate.py",
        "events": made,
        "agree": [{"name": name, "rule": text, **asked(connection, text)} for name, text in agree],
        "correlations": [
            {"name": name, "rule": text, "events": made, "found": correlated(text, made)}
            for name, text, made in correlations()
        ],
        "differ": [
            {"heading": heading, "rule": rule(detection), "event": event,
             **asked(table([event]), rule(detection))}
            for heading, detection, event in DIFFERENCES
        ],
    }
    lines = json.dumps(golden, indent=0, ensure_ascii=False)
    if "--stdout" in sys.argv:
        print(lines)
    else:
        Path(__file__).with_name("golden.json").write_text(lines + "\n")
        refused = [one for one in golden["agree"] if "refused" in one]
        print(f"{len(golden['agree'])} rules, {len(refused)} refused by pySigma")
        for one in refused[:10]:
            print(one["name"], one["refused"])


if __name__ == "__main__":
    main()
