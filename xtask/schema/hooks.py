"""What Schemathesis doesn't know by itself: that nothing of a board is shown to somebody who may not see it, and
that events come as pages too. `run.py` names this file to it."""

import os

import schemathesis

# Stands in everything on the boards that whoever asks is not a member of.
FOREIGN = os.environ.get("BOARDCAST_FOREIGN")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Asks for a page of events where an option of pages is given, and waits for none."""
    if case.path.endswith("/events") and case.query and {"limit", "wait"} & set(case.query):
        case.headers["Accept"] = "application/json"
        if case.query.get("wait") in range(1, 31):
            case.query["wait"] = 0


@schemathesis.check
def foreign_boards_stay_hidden(ctx, response, case):
    """Nothing of boards that are somebody else's is in an answer, not its headers either."""
    if FOREIGN is None or FOREIGN in f"{case.formatted_path} {case.query} {case.headers} {case.body}":
        return
    for text in (response.content.decode(errors="replace"), str(response.headers)):
        if FOREIGN in text:
            raise AssertionError(f"{FOREIGN} is shown: {text[:500]}")
