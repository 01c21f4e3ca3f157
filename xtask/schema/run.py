"""Holds a server against the document that it gives of itself: Schemathesis makes requests of it, right and wrong
ones and sequences of them, and looks at every answer. Once without accounts, and as each of two people with a
board of their own that the other may not see. `cargo xtask schema` starts this."""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).parent
WAIT_SECONDS = 20
# Most of the work is Schemathesis'.
AT_ONCE = 2
PASSWORD = "a long enough password"


def main():
    wish = argparse.ArgumentParser(description=__doc__)
    wish.add_argument("--server", required=True, help="the program")
    wish.add_argument("--examples", type=int, default=100, help="for each operation and phase")
    wish.add_argument("--seed", type=int, default=1)
    wish.add_argument("--document", type=os.path.abspath, help="another document than the server's own")
    wish = wish.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        rounds = [without_accounts(wish.server, folder, servers), *with_accounts(wish.server, folder, servers)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            # All are carried through, so that one look shows all that is wrong.
            wrong = [who for who, fine in pool.map(lambda round: conforms(wish, *round), rounds) if not fine]
    sys.exit(f"schema: something is wrong {', '.join(wrong)}" if wrong else 0)


def without_accounts(program, folder, servers):
    return "without accounts", servers.enter_context(server(program, f"{folder}/open.db")), [], "", {}


def with_accounts(program, folder, servers):
    """Ada rules the accounts, Ben is a member of the demo board; each has a board that the other isn't on."""
    data = f"{folder}/accounts.db"
    # Its first start makes the demo board, which the document's examples are about.
    with server(program, data):
        pass
    verb = lambda *words, **more: said_by(program, *words, "--data", data, **more)
    verb("init", "--login", "ada", "--name", "Ada", "--password-stdin", input=PASSWORD)
    verb("user", "add", "ben", "--name", "Ben")
    verb("user", "role", "ben", "board-1", "editor")
    tokens = {
        person: re.search(r"bct_\S+", verb("token", "add", "--user", person, "--name", "schema", "--scope", scope))[0]
        for person, scope in [("ada", "admin"), ("ben", "write")]
    }
    url = servers.enter_context(server(program, data))
    for person, token in tokens.items():
        make_private_board(url, token, secret_of(person))
    foreign = lambda other: {"BOARDCAST_FOREIGN": secret_of(other)}
    for person, other in [("ada", "ben"), ("ben", "ada")]:
        yield f"as {person}", url, ["--header", f"Authorization: Bearer {tokens[person]}"], "", foreign(other)
    # What only people may, but for what would end the session that all the rest needs.
    signed_in = f'[auth.openapi.session]\napi_key = "{session(url)}"\n'
    staying = ["--exclude-path-regex", "^/(session|me/(sessions|password))"]
    yield "as ada, signed in", url, staying, signed_in, foreign("ben")


def conforms(wish, who, url, flags, config, more):
    """Who asked, and whether all was as the document says."""
    print(f"schema: {who}: {wish.examples} examples, seed {wish.seed}", flush=True)
    here = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **here, **more}
    # A folder of its own is where it may leave something.
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder, "schemathesis.toml")
        whole.write_text((HERE / "schemathesis.toml").read_text() + config)
        command = [
            pathlib.Path(sys.executable).with_name("schemathesis"),
            *("--config-file", whole, "run", wish.document or f"{url}/openapi.json?version=3.2", "--url", url),
            *("--max-examples", str(wish.examples), "--seed", str(wish.seed)),
            *flags,
        ]
        run = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in run.stdout:
            print(f"[{who}] {line}", end="", flush=True)
        return who, run.wait() == 0


@contextlib.contextmanager
def server(program, data):
    """The server on a free port, until the block ends."""
    command = [program, "serve", "--listen", "127.0.0.1:0", "--data", data, "--log", "warn"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        # Ends with the process, if that doesn't come so far.
        url = next(found[0] for line in process.stdout if (found := re.search(r"http://localhost:\d+", line)))
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_SECONDS)
    if process.returncode != 0:
        sys.exit(f"schema: the server ended with {process.returncode}")


def said_by(program, *words, input=None):
    done = subprocess.run([program, *words], input=input, stdout=subprocess.PIPE, text=True, timeout=WAIT_SECONDS)
    if done.returncode != 0:
        sys.exit(f"schema: boardcast {words[0]} ended with {done.returncode}")
    return done.stdout


def secret_of(person):
    return f"secret-of-{person}"


def session(url):
    """The cookie of Ada's session, without its name."""
    cookies = post(f"{url}/session", {"login": "ada", "password": PASSWORD}).headers.get_all("set-cookie")
    return next(found[1] for cookie in cookies if (found := re.match("boardcast=([^;]+)", cookie)))


def make_private_board(url, token, secret):
    """A board, a list and a task whose every id and text holds the secret."""
    for path, thing in [
        ("/boards", {"id": secret, "name": secret}),
        ("/lists", {"id": f"list-{secret}", "boardId": secret, "name": secret}),
        ("/tasks", {"id": f"task-{secret}", "listId": f"list-{secret}", "title": secret, "description": secret}),
    ]:
        post(url + path, thing, {"Authorization": f"Bearer {token}"})


def post(url, body, headers={}):
    request = urllib.request.Request(url, json.dumps(body).encode(), {**headers, "Content-Type": "application/json"})
    return urllib.request.urlopen(request, timeout=WAIT_SECONDS)


if __name__ == "__main__":
    main()
