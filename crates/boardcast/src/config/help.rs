//! What the help teaches below the flags: examples, names, exit codes. No flags here.

pub(super) const SERVING: &str = "\
Examples:
  boardcast
      Serve ./boardcast.db on http://localhost:3000, with a demo board if the file is new.
  boardcast --data /var/lib/boardcast/team.db --listen 127.0.0.1:8080
      Another file, another port.
  boardcast --public-url https://board.example.org --trusted-proxy loopback
      Behind a proxy on this machine that ends TLS under that name. Without accounts
      whoever reaches the proxy can change everything.
  boardcast --tls-cert cert.pem --tls-key key.pem
      TLS without a proxy; HTTP/2 and HTTP/1.1.";

pub(super) const EVERYTHING: &str = "\
Examples:
  boardcast
      Serve ./boardcast.db on http://localhost:3000, with a demo board if the file is new.
  boardcast --data /var/lib/boardcast/team.db --listen 127.0.0.1:8080
      Another file, another port.
  boardcast --public-url https://board.example.org --trusted-proxy loopback
      Behind a proxy on this machine that ends TLS under that name. Without accounts
      whoever reaches the proxy can change everything.
  boardcast watch board-1
      A line for each change from now on, through cuts and restarts.
  boardcast add \"To do\" \"Water the plants\" --top
      A new task; `boardcast tasks \"Demo board\"` shows it with its id.
  boardcast move \"Water the plants\" Doing --before \"Try Boardcast\"
      To another list, above another task.
  boardcast rm task \"Water the plants\"
      Gone; `boardcast deleted \"Demo board\"` lists it, `boardcast restore task ID` brings it back.
  boardcast init
      Accounts instead of open doors; then `boardcast user` and `boardcast token`, and
      `boardcast login` for the commands above.
  curl -N http://localhost:3000/boards/board-1/events
  curl --json '{\"listId\":\"list-todo\",\"title\":\"Water the plants\"}' http://localhost:3000/tasks
      The same over plain HTTP.

Names: BOARD, LIST and TASK are an id, a name or title in any case, or the beginning of one, if only
one thing fits. BOARD/LIST and BOARD/LIST/TASK tell apart what is called the same.

Scripts: --json prints what the server says unchanged, one thing a line. A change is sent again by
itself if the line breaks, under one Idempotency-Key, so it is never done twice. Errors are one
sentence on standard error.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 the server can't be reached.";

pub(super) const WATCHING: &str = "\
Examples:
  boardcast watch \"Demo board\"
      From now on, such as `12:03:04  To do  + Water the plants`.
  boardcast watch board-1 --json | while read -r event; do …; done
      Each event as {\"id\":…,\"data\":{…}} in a line of its own.
  boardcast watch board-1 --since 42-03b7710c9ae4
      Everything after the event with that id, and on.
  boardcast watch board-1 board-2
      Several boards, in the order in which things happened.

In a line, + is new, ~ changed, > moved, - deleted; = is how a board stands, told instead of its
changes where they are no longer kept.

It ends with exit code 0 on Ctrl-C, and with 1 when the boards are gone.";

pub(super) const ADDING: &str = "\
Examples:
  boardcast add \"To do\" \"Water the plants\"
  boardcast add \"Demo board/To do\" \"Water the plants\" --top
  boardcast add list-todo \"Release notes\" --description - < notes.md";

pub(super) const RESTORING: &str = "\
Examples:
  boardcast restore task task_01k3vd8t5zf0sr2e9c7mq4x6ya
      A deleted task, on a running server.
  boardcast restore team-2026-11-24.backup --data /var/lib/boardcast/team.db
      The whole data file, while no server runs.";

pub(super) const INITIAL: &str = "\
Examples:
  boardcast init
      Asks for login, name and password. While a server runs, everyone's open streams end.
  boardcast init --login ada --name Ada --password-stdin < password.txt
      For scripts.

Without accounts everyone who can connect can do everything; with them people sign in and programs
show tokens. There is no way back but to a backup from before.";

pub(super) const PEOPLE: &str = "\
Examples:
  boardcast user add grace --name Grace
      Prints a one-time link; by it Grace sets a password. It ends after 7 days.
  boardcast user role grace board-1 editor
      Also the way out when a board has no admin any more who can act.
  boardcast user add --service --name \"deploy script\"
      An account for a program; `boardcast token add --user \"deploy script\" …` lets it in.

Works through the server that has the data file, or without one; for whoever may read and write the
file, and nobody else.";

pub(super) const TOKENS: &str = "\
Examples:
  BOARDCAST_TOKEN=$(boardcast token add --user grace --name laptop --scope read)
      The token alone stands on standard output.
  boardcast token list --user grace
  boardcast token revoke token_01k3vd8t5zf0sr2e9c7mq4x6ya --user grace

Works through the server that has the data file, or without one; for whoever may read and write the
file, and nobody else.";

pub(super) const SIGNING_IN: &str = "\
Examples:
  boardcast login
      Asks for login and password, and keeps a token named after this machine; the one it
      made here before ends.
  boardcast login --server https://board.example.org --token-stdin < token.txt
      Keeps a token that you have.

Kept in $XDG_CONFIG_HOME/boardcast or ~/.config/boardcast, for you alone; sent to this server, under
this very URL, and nowhere else. BOARDCAST_TOKEN goes before it.";

pub(super) const SIGNING_OUT: &str = "\
The token ends on the server, with all that it has open, and is forgotten here. If the server can't
be reached it is forgotten all the same; then the command says how to end it, and exits with 3.

A token that `login --token-stdin` was given may be in use elsewhere: it is forgotten here, and stays
good. So does one in BOARDCAST_TOKEN, which this command only points out.";

pub(super) const MOVING: &str = "\
Examples:
  boardcast move \"Water the plants\" Done
      To the end of another list.
  boardcast move \"Water the plants\" Doing --before \"Try Boardcast\"
  boardcast move \"To do/Water the plants\" --top
      Within its list.";

pub(super) const COMPLETING: &str = "\
Examples:
  boardcast completions bash > ~/.local/share/bash-completion/completions/boardcast
  boardcast completions fish > ~/.config/fish/completions/boardcast.fish
  boardcast completions zsh > ~/.zfunc/_boardcast
      With ~/.zfunc in zsh's fpath.";
