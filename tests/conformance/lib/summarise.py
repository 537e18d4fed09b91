#!/usr/bin/env python3
"""summarise.py scimcli|sanity REPORT: prints 'N passed, N failed, N skipped' and the names of what failed."""

import json
import re
import sys


def read_scimcli(text):
    """The report of `scim test -v`: a keyword and a name a line, with its explanation indented below."""
    found = {"pass": [], "fail": [], "warn": [], "skip": []}
    kinds = {"ERROR": "fail", "CRITICAL": "fail", "DEVIATION": "warn", "SKIPPED": "skip"}
    current = None
    for line in text.splitlines():
        match = re.match(r"(SUCCESS|COMPLIANT|ACCEPTABLE|DEVIATION|ERROR|CRITICAL|SKIPPED) (\S+)", line)
        if match:
            current = [match[2], ""]
            found[kinds.get(match[1], "pass")].append(current)
        elif current and line.startswith("  "):
            current[1] += " " + line.strip()
    if not (found["pass"] or found["fail"]):
        found["fail"].append(["the suite stopped before its first check", text.strip()[-300:].replace("\n", " ")])
    return found


def read_sanity(text):
    """The JSON report of `scim-sanity probe`."""
    found = {"pass": [], "fail": [], "warn": [], "skip": []}
    for result in json.loads(text)["results"]:
        kind = "fail" if result["status"] == "error" else result["status"]
        found[kind].append([f"{result['phase']}: {result['name']}", result.get("message") or ""])
    return found


def main():
    kind, path = sys.argv[1:]
    with open(path, errors="replace") as report:
        text = re.sub(r"\x1b\[[0-9;]*m", "", report.read())
    found = {"scimcli": read_scimcli, "sanity": read_sanity}[kind](text)
    print(f"{len(found['pass'])} passed, {len(found['fail'])} failed, {len(found['skip'])} skipped")
    if found["warn"]:
        print(f"({len(found['warn'])} warnings, counted in none of these)")
    for kind in ("fail", "warn", "skip"):
        for name, message in found[kind]:
            print(f"  {kind.upper()} {name}" + (f" -- {message[:220]}" if message else ""))
    sys.exit(1 if found["fail"] else 0)


main()
