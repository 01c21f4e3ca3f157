"""Watches a board with sseclient-py and requests: python with_sseclient.py URL [CURSOR]. Where there are accounts,
BOARDCAST_TOKEN holds a token. The package reads one connection; coming back is the loop here."""

import json
import os
import sys
import time

import requests
from sseclient import SSEClient


def whole(parts):
    """Passes on what ends with a blank line. Where a proxy ends a connection in order, the package would take half an
    event for one, with half an id."""
    block = bytearray()
    for part in parts:
        block += part
        end = block.rfind(b"\n\n", max(0, len(block) - len(part) - 1)) + 2
        if end > 1:
            yield bytes(block[:end])
            del block[:end]


def watch(url, last_id=None, token=None):
    pause = 2.0
    while True:
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            # The server is never silent for more than 15 s; requests alone would wait for ever.
            with requests.get(url, headers=headers, stream=True, timeout=(10, 45)) as response:
                status = response.status_code
                # 204 says never to come back; the rest are refused for a reason that stays.
                if status == 204 or (400 <= status < 500 and status != 429):
                    return
                response.raise_for_status()
                for event in SSEClient(whole(response)).events():
                    if event.retry is not None:
                        pause = int(event.retry) / 1000
                    yield event
                    last_id = event.id or last_id
        except requests.RequestException as error:
            print(f"{error!r}, back in {pause} s", file=sys.stderr)
        time.sleep(pause)


arguments = dict(enumerate(sys.argv))
for event in watch(arguments[1], arguments.get(2), os.environ.get("BOARDCAST_TOKEN")):
    data = json.loads(event.data)
    print(json.dumps({"id": event.id, "type": data["type"], "data": data}), flush=True)
print("closed for good", file=sys.stderr)
