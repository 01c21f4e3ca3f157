"""Watches a board with httpx-sse: python with_httpx_sse.py URL [CURSOR]. Where there are accounts, BOARDCAST_TOKEN
holds a token. The package reads one connection; coming back is the loop here."""

import json
import os
import sys
import time

import httpx
from httpx_sse import connect_sse


def watch(url, last_id=None, token=None):
    pause = 2.0
    # The server is never silent for more than 15 s; httpx alone would give up after 5.
    with httpx.Client(timeout=httpx.Timeout(10, read=45)) as client:
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            try:
                with connect_sse(client, "GET", url, headers=headers) as source:
                    status = source.response.status_code
                    # 204 says never to come back; the rest are refused for a reason that stays.
                    if status == 204 or (400 <= status < 500 and status != 429):
                        return
                    source.response.raise_for_status()
                    for event in source.iter_sse():
                        if event.retry is not None:
                            pause = event.retry / 1000
                        if event.data:
                            yield event
                        last_id = event.id or last_id
            except httpx.HTTPError as error:
                print(f"{error!r}, back in {pause} s", file=sys.stderr)
            time.sleep(pause)


arguments = dict(enumerate(sys.argv))
for event in watch(arguments[1], arguments.get(2), os.environ.get("BOARDCAST_TOKEN")):
    data = json.loads(event.data)
    print(json.dumps({"id": event.id, "type": data["type"], "data": data}), flush=True)
print("closed for good", file=sys.stderr)
