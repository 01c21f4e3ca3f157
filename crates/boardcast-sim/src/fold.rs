//! A board kept by the contract's table "How a viewer folds them", on plain JSON.
//!
//! The table is followed to the letter, and what the contract says about the things that events
//! carry (`version`, `updatedAt`, `createdAt`, `boardId`, `by`, `at`) is checked on the way. A fact
//! that only the oracle may know, such as who asked for a change, has no place here.

use serde_json::{Map, Value, json};

/// What a viewer knows of one board: shaped exactly as `GET /boards/{id}` answers it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fold {
    board: Option<Value>,
    /// `board_deleted` was seen; only a snapshot may follow.
    gone: bool,
}

impl Fold {
    /// Knows nothing yet: it begins with a snapshot or with `board_created`, and passes over what
    /// comes before.
    pub fn new() -> Self {
        Fold::default()
    }

    /// Begins with what `GET /boards/{id}` answered.
    pub fn of(board: Value) -> Self {
        Fold {
            board: Some(board),
            gone: false,
        }
    }

    /// The board as it stands; `None` before its beginning and after its deletion.
    pub fn board(&self) -> Option<&Value> {
        self.board.as_ref()
    }

    /// Takes one message of the stream. `id` is the board's own cursor, on a merged stream taken
    /// out of the id.
    ///
    /// # Errors
    /// If the contract is broken: a sentence that says how. What could be applied was applied, so
    /// that one fault isn't reported again with every later event.
    pub fn apply(&mut self, message: &Value, id: Option<&str>) -> Result<(), String> {
        let kind = text(message, "type")?;
        let place = || format!("{kind} {}", id.unwrap_or("without id"));
        let done = match (kind, id) {
            ("connected" | "board_gone", _) => Ok(()),
            ("snapshot", _) => self.replace(message, id),
            (_, Some(id)) => self.apply_numbered(kind, message, id),
            // Types we don't know are passed over; those of the table are never without a number.
            (_, None) if is_numbered(kind) => Err("a numbered event without id".to_owned()),
            (_, None) => Ok(()),
        };
        done.map_err(|why| format!("{}: {why}", place()))
    }

    fn replace(&mut self, message: &Value, id: Option<&str>) -> Result<(), String> {
        let board = object(message, "board")?;
        array(board, "lists")?;
        self.gone = false;
        self.board = Some(board.clone());
        let cursor = text(board, "cursor")?;
        ensure(id == Some(cursor), || {
            format!("its board's cursor is {cursor}")
        })
    }

    fn apply_numbered(&mut self, kind: &str, event: &Value, id: &str) -> Result<(), String> {
        ensure(!self.gone, || "an event of a deleted board".to_owned())?;
        ensure(event.get("by").is_some(), || "no by".to_owned())?;
        let at = text(event, "at")?;
        let board_id = text(event, "boardId")?;
        let verdict = match kind {
            "board_created" | "board_updated" => self.set_board(kind, object(event, "board")?, at),
            "board_deleted" => {
                (self.board, self.gone) = (None, true);
                Ok(())
            }
            "board_restored" => Err("is never delivered".to_owned()),
            _ => self
                .board
                .as_mut()
                .map_or(Ok(()), |board| apply_to(board, kind, event, at)),
        };
        let Some(board) = &mut self.board else {
            return verdict;
        };
        board["updatedAt"] = json!(at);
        board["cursor"] = json!(id);
        verdict?;
        ensure(board["id"] == board_id, || {
            format!("boardId {board_id} on board {}", board["id"])
        })
    }

    /// Sets the board's own fields. Only a creation may begin a board.
    fn set_board(&mut self, kind: &str, own: &Value, at: &str) -> Result<(), String> {
        if self.board.is_none() && kind != "board_created" {
            return Ok(());
        }
        let verdict = check_carried(self.board.as_ref(), own, at);
        let lists = self
            .board
            .as_mut()
            .map_or_else(|| json!([]), |board| board["lists"].take());
        let mut board = own.clone();
        board["lists"] = lists;
        self.board = Some(board);
        verdict
    }
}

fn is_numbered(kind: &str) -> bool {
    ["board_", "list_", "task_"]
        .iter()
        .any(|thing| kind.starts_with(thing))
}

fn apply_to(board: &mut Value, kind: &str, event: &Value, at: &str) -> Result<(), String> {
    let lists = array_mut(board, "lists")?;
    match kind {
        "list_created" | "list_updated" | "list_moved" => {
            set_list(lists, object(event, "list")?, at)
        }
        "list_deleted" => remove_list(lists, text(event, "listId")?),
        "task_created" | "task_updated" | "task_moved" => {
            set_task(lists, object(event, "task")?, at)
        }
        "task_deleted" => {
            take_task(lists, text(event, "taskId")?)?;
            Ok(())
        }
        // A type added later: it only moves the cursor.
        _ => Ok(()),
    }
}

/// Sets a list's own fields and places it by rank. A known list keeps its tasks.
fn set_list(lists: &mut Vec<Value>, own: &Value, at: &str) -> Result<(), String> {
    let mut known = take(lists, text(own, "id")?);
    let verdict = check_carried(known.as_ref(), own, at);
    let mut list = own.clone();
    list["tasks"] = known
        .as_mut()
        .map_or_else(|| json!([]), |known| known["tasks"].take());
    place(lists, list);
    verdict
}

fn remove_list(lists: &mut Vec<Value>, id: &str) -> Result<(), String> {
    take(lists, id)
        .map(drop)
        .ok_or_else(|| format!("no list {id} to delete"))
}

/// Adds or replaces a task, placed by its list and rank.
fn set_task(lists: &mut [Value], carried: &Value, at: &str) -> Result<(), String> {
    let known = take_task(lists, text(carried, "id")?)?;
    let verdict = check_carried(known.as_ref(), carried, at);
    let list_id = text(carried, "listId")?;
    let list = lists
        .iter_mut()
        .find(|list| list["id"] == list_id)
        .ok_or_else(|| format!("no list {list_id}"))?;
    place(array_mut(list, "tasks")?, without_description(carried)?);
    verdict
}

/// A task as a snapshot shows it: `hasDescription` in place of `description`.
fn without_description(carried: &Value) -> Result<Value, String> {
    let has_description = !text(carried, "description")?.is_empty();
    let mut task: Map<String, Value> = carried.as_object().cloned().unwrap_or_default();
    task.remove("description");
    task.insert("hasDescription".to_owned(), json!(has_description));
    Ok(Value::Object(task))
}

/// Takes the task out of whichever list holds it.
fn take_task(lists: &mut [Value], id: &str) -> Result<Option<Value>, String> {
    for list in lists {
        if let Some(task) = take(array_mut(list, "tasks")?, id) {
            return Ok(Some(task));
        }
    }
    Ok(None)
}

fn take(things: &mut Vec<Value>, id: &str) -> Option<Value> {
    let at = things.iter().position(|thing| thing["id"] == id)?;
    Some(things.remove(at))
}

/// Puts `thing` where its rank, then its id, belongs.
fn place(things: &mut Vec<Value>, thing: Value) {
    let at = things.partition_point(|other| sort_key(other) < sort_key(&thing));
    things.insert(at, thing);
}

/// Rank, then id. Rust compares strings by their bytes, as the contract does.
fn sort_key(thing: &Value) -> (&str, &str) {
    (
        thing["rank"].as_str().unwrap_or_default(),
        thing["id"].as_str().unwrap_or_default(),
    )
}

/// What holds for every thing an event carries, whatever the event.
fn check_carried(before: Option<&Value>, carried: &Value, at: &str) -> Result<(), String> {
    let id = text(carried, "id")?;
    ensure(carried["updatedAt"] == at, || {
        format!(
            "{id} has updatedAt {}, the event is at {at}",
            carried["updatedAt"]
        )
    })?;
    let Some(before) = before else { return Ok(()) };
    ensure(carried["createdAt"] == before["createdAt"], || {
        format!("createdAt of {id} changed")
    })?;
    let (from, to) = (&before["version"], &carried["version"]);
    let next = from.as_u64().and_then(|version| version.checked_add(1));
    ensure(next.is_some() && to.as_u64() == next, || {
        format!("version of {id} went from {from} to {to}")
    })
}

/// Checks what holds for every board at rest: lists and tasks in order, no two neighbours of one
/// rank, and each thing saying where it stands.
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub fn check_at_rest(board: &Value) -> Result<(), String> {
    check_row(array(board, "lists")?, "boardId", &board["id"])?;
    for list in array(board, "lists")? {
        check_row(array(list, "tasks")?, "listId", &list["id"])?;
    }
    Ok(())
}

fn check_row(things: &[Value], parent_field: &str, parent: &Value) -> Result<(), String> {
    for thing in things {
        ensure(thing[parent_field] == *parent, || {
            format!("{} stands in {parent}", thing["id"])
        })?;
    }
    for pair in things.windows(2) {
        let (left, right) = (&pair[0], &pair[1]);
        ensure(sort_key(left).0 < sort_key(right).0, || {
            format!(
                "{} of rank {} stands before {} of rank {}",
                left["id"], left["rank"], right["id"], right["rank"]
            )
        })?;
    }
    Ok(())
}

/// Compares two boards, or any two JSON values; the order of keys doesn't matter, that of arrays
/// does.
///
/// # Errors
/// The path of the first difference, and both sides of it.
pub fn same_board(left: &Value, right: &Value) -> Result<(), String> {
    match first_difference(left, right, "") {
        None => Ok(()),
        Some((path, left, right)) => {
            let path = if path.is_empty() {
                "the whole"
            } else {
                path.trim_start_matches('.')
            };
            Err(format!("{path}: {left} ≠ {right}"))
        }
    }
}

fn first_difference(left: &Value, right: &Value, path: &str) -> Option<(String, String, String)> {
    let shown = |side: Option<&Value>| side.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let differ = |path: String, left: Option<&Value>, right: Option<&Value>| match (left, right) {
        (Some(left), Some(right)) => first_difference(left, right, &path),
        _ => Some((path, shown(left), shown(right))),
    };
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            let only_right = b.keys().filter(|key| !a.contains_key(*key));
            a.keys()
                .chain(only_right)
                .find_map(|key| differ(format!("{path}.{key}"), a.get(key), b.get(key)))
        }
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len()))
            .find_map(|at| differ(format!("{path}[{at}]"), a.get(at), b.get(at))),
        _ if left == right => None,
        _ => Some((path.to_owned(), shown(Some(left)), shown(Some(right)))),
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    value[field]
        .as_str()
        .ok_or_else(|| format!("no text {field} in {value}"))
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Value, String> {
    let found = &value[field];
    if found.is_object() {
        Ok(found)
    } else {
        Err(format!("no object {field} in {value}"))
    }
}

fn array<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>, String> {
    value[field]
        .as_array()
        .ok_or_else(|| format!("no array {field} in {value}"))
}

fn array_mut<'a>(value: &'a mut Value, field: &str) -> Result<&'a mut Vec<Value>, String> {
    let found = value.get_mut(field).and_then(Value::as_array_mut);
    found.ok_or_else(|| format!("no array {field} where one belongs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: &str = "2026-11-23T21:17:57.000Z";
    const T1: &str = "2026-11-23T21:17:58.000Z";

    fn cursor(seq: u64) -> String {
        format!("{seq}-03b7710c9ae4")
    }

    fn board_fields(version: u64, updated_at: &str) -> Value {
        json!({"id": "b", "name": "Board", "version": version, "createdAt": T0, "updatedAt": updated_at})
    }

    fn list(id: &str, rank: &str, version: u64, updated_at: &str) -> Value {
        json!({"id": id, "boardId": "b", "name": id, "rank": rank, "version": version,
            "createdAt": T0, "updatedAt": updated_at})
    }

    fn task(id: &str, list_id: &str, rank: &str, version: u64, updated_at: &str) -> Value {
        json!({"id": id, "listId": list_id, "title": id, "description": "why", "rank": rank,
            "version": version, "createdAt": T0, "updatedAt": updated_at})
    }

    fn shown(mut task: Value) -> Value {
        task["hasDescription"] = json!(task["description"] != "");
        task.as_object_mut().unwrap().remove("description");
        task
    }

    fn with_tasks(mut list: Value, tasks: &[Value]) -> Value {
        list["tasks"] = tasks.iter().cloned().map(shown).collect();
        list
    }

    /// Lists l (rank a: tasks t, u) and m (rank b: none), as of event 9.
    fn start() -> Fold {
        let mut board = board_fields(1, T0);
        let tasks = [task("t", "l", "a", 1, T0), task("u", "l", "b", 1, T0)];
        board["lists"] = json!([
            with_tasks(list("l", "a", 1, T0), &tasks),
            with_tasks(list("m", "b", 1, T0), &[])
        ]);
        board["cursor"] = json!(cursor(9));
        Fold::of(board)
    }

    fn event(kind: &str, field: &str, carried: Value) -> Value {
        let mut event = json!({"type": kind, "boardId": "b", "by": null, "at": T1});
        event[field] = carried;
        event
    }

    /// Event 10 makes of the start what `change` makes of its JSON, apart from `updatedAt` and
    /// `cursor`.
    #[track_caller]
    fn check(event: &Value, change: impl FnOnce(&mut Value)) {
        let mut fold = start();
        fold.apply(event, Some(&cursor(10))).unwrap();
        let mut expected = start().board().unwrap().clone();
        expected["updatedAt"] = json!(T1);
        expected["cursor"] = json!(cursor(10));
        change(&mut expected);
        same_board(fold.board().unwrap(), &expected).unwrap();
    }

    #[track_caller]
    fn check_refused(event: &Value, why: &str) {
        let refused = start().apply(event, Some(&cursor(10))).unwrap_err();
        assert!(refused.contains(why), "{refused:?} doesn't say {why:?}");
    }

    #[test]
    fn a_board_begins_with_its_creation() {
        let mut fold = Fold::new();
        let mut created = event("board_created", "board", board_fields(1, T0));
        created["at"] = json!(T0);
        fold.apply(&created, Some(&cursor(1))).unwrap();
        let mut expected = board_fields(1, T0);
        expected["lists"] = json!([]);
        expected["cursor"] = json!(cursor(1));
        same_board(fold.board().unwrap(), &expected).unwrap();
    }

    #[test]
    fn without_a_beginning_events_are_passed_over() {
        let mut fold = Fold::new();
        fold.apply(
            &event("task_deleted", "taskId", json!("t")),
            Some(&cursor(5)),
        )
        .unwrap();
        fold.apply(
            &event("board_updated", "board", board_fields(2, T1)),
            Some(&cursor(6)),
        )
        .unwrap();
        assert_eq!(fold.board(), None);
    }

    #[test]
    fn board_updated_replaces_the_boards_own_fields() {
        let mut renamed = board_fields(2, T1);
        renamed["name"] = json!("New");
        check(&event("board_updated", "board", renamed), |board| {
            board["name"] = json!("New");
            board["version"] = json!(2);
        });
    }

    #[test]
    fn after_board_deleted_only_a_snapshot_may_come() {
        let mut fold = start();
        let deleted = json!({"type": "board_deleted", "boardId": "b", "by": null, "at": T1});
        fold.apply(&deleted, Some(&cursor(10))).unwrap();
        assert_eq!(fold.board(), None);
        let late = event("task_deleted", "taskId", json!("t"));
        assert!(fold.apply(&late, Some(&cursor(11))).is_err());
        let board = start().board().unwrap().clone();
        fold.apply(
            &json!({"type": "snapshot", "board": board}),
            Some(&cursor(9)),
        )
        .unwrap();
        assert_eq!(fold, start());
    }

    #[test]
    fn board_restored_is_never_delivered() {
        check_refused(
            &event("board_restored", "board", board_fields(2, T1)),
            "never delivered",
        );
    }

    #[test]
    fn a_new_list_has_no_tasks_and_stands_by_rank() {
        check(
            &event("list_created", "list", list("n", "aV", 1, T1)),
            |board| {
                board["lists"]
                    .as_array_mut()
                    .unwrap()
                    .insert(1, with_tasks(list("n", "aV", 1, T1), &[]));
            },
        );
    }

    #[test]
    fn a_known_list_keeps_its_tasks_when_it_moves() {
        check(
            &event("list_moved", "list", list("l", "c", 2, T1)),
            |board| {
                let tasks = board["lists"][0]["tasks"].take();
                let mut moved = list("l", "c", 2, T1);
                moved["tasks"] = tasks;
                board["lists"] = json!([board["lists"][1], moved]);
            },
        );
    }

    #[test]
    fn list_deleted_takes_its_tasks_along() {
        check(&event("list_deleted", "listId", json!("l")), |board| {
            board["lists"].as_array_mut().unwrap().remove(0);
        });
        check_refused(&event("list_deleted", "listId", json!("x")), "no list x");
    }

    #[test]
    fn tasks_stand_by_rank_bytewise_and_then_by_id() {
        let mut fold = start();
        for (id, rank) in [("z", "a"), ("b", "a"), ("y", "Z"), ("x", "é")] {
            let created = event("task_created", "task", task(id, "l", rank, 1, T1));
            fold.apply(&created, Some(&cursor(10))).unwrap();
        }
        let tasks = fold.board().unwrap()["lists"][0]["tasks"]
            .as_array()
            .unwrap();
        let ids: Vec<&str> = tasks
            .iter()
            .map(|task| task["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["y", "b", "t", "z", "u", "x"]);
    }

    #[test]
    fn task_moved_takes_the_task_out_of_its_old_list() {
        check(
            &event("task_moved", "task", task("t", "m", "V", 2, T1)),
            |board| {
                board["lists"][0]["tasks"].as_array_mut().unwrap().remove(0);
                board["lists"][1]["tasks"] = json!([shown(task("t", "m", "V", 2, T1))]);
            },
        );
    }

    #[test]
    fn a_task_shows_whether_it_has_a_description() {
        let mut emptied = task("t", "l", "a", 2, T1);
        emptied["description"] = json!("");
        check(&event("task_updated", "task", emptied.clone()), |board| {
            board["lists"][0]["tasks"][0] = shown(emptied);
            assert_eq!(
                board["lists"][0]["tasks"][0]["hasDescription"],
                json!(false)
            );
        });
        check_refused(
            &event("task_updated", "task", shown(task("t", "l", "a", 2, T1))),
            "description",
        );
    }

    #[test]
    fn task_deleted_removes_the_task_if_it_is_there() {
        check(&event("task_deleted", "taskId", json!("t")), |board| {
            board["lists"][0]["tasks"].as_array_mut().unwrap().remove(0);
        });
        check(&event("task_deleted", "taskId", json!("x")), |_| {});
    }

    #[test]
    fn unknown_types_move_only_the_cursor() {
        check(&event("list_painted", "colour", json!("red")), |_| {});
        let mut fold = start();
        fold.apply(&json!({"type": "weather"}), None).unwrap();
        fold.apply(&json!({"type": "connected"}), Some(&cursor(10)))
            .unwrap();
        fold.apply(&json!({"type": "board_gone", "boardId": "c"}), None)
            .unwrap();
        assert_eq!(fold, start());
    }

    #[test]
    fn a_snapshot_stands_at_its_id() {
        let board = start().board().unwrap().clone();
        let snapshot = json!({"type": "snapshot", "board": board});
        assert!(start().apply(&snapshot, Some(&cursor(8))).is_err());
        assert!(start().apply(&snapshot, None).is_err());
    }

    #[test]
    fn what_events_carry_is_checked() {
        check_refused(
            &event("task_updated", "task", task("t", "l", "a", 1, T1)),
            "version of t",
        );
        check_refused(
            &event("task_updated", "task", task("t", "l", "a", 3, T1)),
            "version of t",
        );
        check_refused(
            &event("task_updated", "task", task("t", "l", "a", 2, T0)),
            "updatedAt",
        );
        check_refused(
            &event("task_updated", "task", task("t", "x", "a", 2, T1)),
            "no list x",
        );
        let mut reborn = task("t", "l", "a", 2, T1);
        reborn["createdAt"] = json!(T1);
        check_refused(&event("task_updated", "task", reborn), "createdAt");
        let mut elsewhere = event("task_deleted", "taskId", json!("t"));
        elsewhere["boardId"] = json!("c");
        check_refused(&elsewhere, "boardId");
        for field in ["by", "at", "boardId"] {
            let mut event = event("task_deleted", "taskId", json!("t"));
            event.as_object_mut().unwrap().remove(field);
            check_refused(&event, field);
        }
        assert!(
            start()
                .apply(&event("task_deleted", "taskId", json!("t")), None)
                .is_err()
        );
    }

    #[test]
    fn a_board_at_rest_is_ordered_and_says_where_things_stand() {
        let board = start().board().unwrap().clone();
        check_at_rest(&board).unwrap();
        let mut same_rank = board.clone();
        same_rank["lists"][0]["tasks"][1]["rank"] = json!("a");
        assert!(check_at_rest(&same_rank).is_err());
        let mut astray = board;
        astray["lists"][0]["tasks"][1]["listId"] = json!("m");
        assert!(check_at_rest(&astray).is_err());
    }

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let left = json!({"a": 1, "lists": [{"id": "l", "tasks": []}]});
        let check = |right: Value, message: &str| {
            assert_eq!(same_board(&left, &right), Err(message.to_owned()));
        };
        assert_eq!(
            same_board(&left, &json!({"lists": [{"tasks": [], "id": "l"}], "a": 1})),
            Ok(())
        );
        check(
            json!({"a": 1, "lists": [{"id": "m", "tasks": []}]}),
            r#"lists[0].id: "l" ≠ "m""#,
        );
        check(
            json!({"a": 1, "lists": [{"id": "l", "tasks": [7]}]}),
            "lists[0].tasks[0]: nothing ≠ 7",
        );
        check(
            json!({"lists": [{"id": "l", "tasks": []}]}),
            "a: 1 ≠ nothing",
        );
        check(
            json!({"a": 1, "b": 2, "lists": [{"id": "l", "tasks": []}]}),
            "b: nothing ≠ 2",
        );
        check(
            json!(7),
            r#"the whole: {"a":1,"lists":[{"id":"l","tasks":[]}]} ≠ 7"#,
        );
    }
}
