"""A directory that changes a user every ten milliseconds: python3 quiet.py TOKEN USER SECONDS."""

import http.client
import json
import sys
import time

token, user, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
connection = http.client.HTTPConnection("127.0.0.1", 8080)
took, end = [], time.monotonic() + seconds
while time.monotonic() < end:
    operation = {"op": "replace", "path": "title", "value": f"q{len(took)}"}
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation],
    }
    begun = time.perf_counter()
    path = f"/t/quiet/scim/v2/Users/{user}"
    connection.request("PATCH", path, json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    took.append(time.perf_counter() - begun)
    if answer.status != 200:
        sys.exit(f"answered {answer.status}")
    time.sleep(0.01)
took.sort()
p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
print(f"{len(took)} requests, p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms")
