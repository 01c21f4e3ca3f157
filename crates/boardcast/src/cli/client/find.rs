//! From what a person calls a board, list or task to its id. An id wins over a name, a whole name over
//! the beginning of one, and what still fits several things is refused with all of them.

use super::things::{self, Board, List, ListWithTasks, Snapshot, Task};
use super::{Client, Failure};
use boardcast_core::model::TaskId;

/// A list and where it stands.
#[derive(Debug)]
pub(crate) struct FoundList {
    pub(crate) list: List,
    pub(crate) tasks: Vec<Task>,
}

/// The board that a person means.
pub(crate) fn board(client: &Client, text: &str) -> Result<Board, Failure> {
    let boards = things::boards(client)?.into_iter().map(|told| told.thing);
    let boards = boards.map(|board| (vec![Part::board(&board)], board));
    pick("board", text, boards.collect())
}

/// The board that a person means, as it stands.
pub(crate) fn snapshot(client: &Client, text: &str) -> Result<Snapshot, Failure> {
    let board = board(client, text)?;
    things::snapshot(client, &board.id)?
        .ok_or_else(|| Failure::Refused(format!("the board \"{}\" is gone", board.name)))
}

/// The list that a person means, on whichever board.
pub(crate) fn list(client: &Client, text: &str) -> Result<FoundList, Failure> {
    let mut lists = Vec::new();
    for snapshot in all_snapshots(client)? {
        let board = Part::new(&snapshot.id, &snapshot.name);
        for told in snapshot.lists {
            let path = vec![board.clone(), Part::list(&told.thing)];
            lists.push((path, FoundList::from(told.thing)));
        }
    }
    pick("list", text, lists)
}

/// The list of a board that a person means.
pub(crate) fn list_of(board: Snapshot, text: &str) -> Result<ListWithTasks, Failure> {
    let name = Part::new(&board.id, &board.name);
    let lists = board.lists.into_iter().map(|told| told.thing);
    let lists = lists.map(|list| (vec![name.clone(), Part::list(&list)], list));
    pick("list", text, lists.collect())
}

/// The task that a person means, on whichever board.
pub(crate) fn task(client: &Client, text: &str) -> Result<Task, Failure> {
    // An id needs no search.
    if TaskId::parse(text).is_ok()
        && let Some(task) = client.find(&format!("/tasks/{text}"))?
    {
        return Ok(task);
    }
    let mut tasks = Vec::new();
    for snapshot in all_snapshots(client)? {
        let board = Part::new(&snapshot.id, &snapshot.name);
        for told in snapshot.lists {
            let list = Part::list(&told.thing);
            for task in FoundList::from(told.thing).tasks {
                let path = vec![board.clone(), list.clone(), Part::task(&task)];
                tasks.push((path, task));
            }
        }
    }
    pick("task", text, tasks)
}

/// The task of a list that a person means.
pub(crate) fn task_of(tasks: &[Task], text: &str) -> Result<Task, Failure> {
    let tasks = tasks
        .iter()
        .map(|task| (vec![Part::task(task)], task.clone()));
    pick("task of that list", text, tasks.collect())
}

/// The list of this id.
pub(crate) fn list_by_id(client: &Client, id: &str) -> Result<FoundList, Failure> {
    for snapshot in all_snapshots(client)? {
        for told in snapshot.lists {
            if told.thing.id == id {
                return Ok(told.thing.into());
            }
        }
    }
    Err(Failure::Refused(format!("the list {id} is gone")))
}

fn all_snapshots(client: &Client) -> Result<Vec<Snapshot>, Failure> {
    let mut snapshots = Vec::new();
    for board in things::boards(client)? {
        // One that is gone meanwhile is no place to look.
        snapshots.extend(things::snapshot(client, &board.thing.id)?);
    }
    Ok(snapshots)
}

impl From<ListWithTasks> for FoundList {
    fn from(list: ListWithTasks) -> Self {
        let ListWithTasks { id, name, tasks } = list;
        let tasks = tasks.into_iter().map(|told| told.thing).collect();
        Self {
            list: List { id, name },
            tasks,
        }
    }
}

/// A thing by its id and name, in the path that leads to it.
#[derive(Clone, Debug)]
struct Part {
    id: String,
    name: String,
}

impl Part {
    fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
        }
    }

    fn board(board: &Board) -> Self {
        Self::new(&board.id, &board.name)
    }

    fn list(list: &ListWithTasks) -> Self {
        Self::new(&list.id, &list.name)
    }

    fn task(task: &Task) -> Self {
        Self::new(&task.id, &task.title)
    }

    /// How well a text fits, if it does; less is better.
    fn fit(&self, text: &str) -> Option<u32> {
        let text = text.trim();
        let (name, lower) = (self.name.to_lowercase(), text.to_lowercase());
        if text.is_empty() {
            None
        } else if text == self.id {
            Some(0)
        } else if lower == name.trim() {
            Some(1)
        } else {
            name.trim().starts_with(&lower).then_some(2)
        }
    }
}

/// How well a text fits a path: the thing itself counts first, then what it stands in. Names may hold
/// slashes, so every way to take the text apart is tried.
fn fit(path: &[Part], text: &str) -> Option<u32> {
    let (last, outer) = path.split_last()?;
    let place = 10_u32.pow(u32::try_from(outer.len()).unwrap_or(0));
    let alone = last.fit(text).map(|own| own * place);
    let splits = text.match_indices('/').filter_map(|(at, _)| {
        let own = last.fit(&text[at + 1..])?;
        Some(own * place + fit(outer, &text[..at])?)
    });
    alone.into_iter().chain(splits).min()
}

/// The one thing that fits best.
fn pick<T>(kind: &str, text: &str, things: Vec<(Vec<Part>, T)>) -> Result<T, Failure> {
    let fits = things
        .into_iter()
        .filter_map(|(path, thing)| Some((fit(&path, text)?, path, thing)));
    let mut fits: Vec<_> = fits.collect();
    let best = fits.iter().map(|(fit, ..)| *fit).min();
    fits.retain(|(fit, ..)| Some(*fit) == best);
    match fits.pop() {
        None => Err(Failure::Refused(format!("there is no {kind} \"{text}\""))),
        Some((.., thing)) if fits.is_empty() => Ok(thing),
        Some(last) => {
            fits.push(last);
            let paths = fits.iter().map(|(_, path, _)| path.as_slice());
            Err(Failure::Refused(ambiguous(text, paths)))
        }
    }
}

/// Says what a text could mean.
fn ambiguous<'a>(text: &str, paths: impl ExactSizeIterator<Item = &'a [Part]>) -> String {
    const SHOWN_MAX: usize = 10;
    let more = paths.len().saturating_sub(SHOWN_MAX);
    let shown = paths.take(SHOWN_MAX).map(|path| {
        let names: Vec<_> = path.iter().map(|part| part.name.as_str()).collect();
        let id = path.last().map_or("", |part| &part.id);
        format!("{} ({id})", names.join("/"))
    });
    let mut shown: Vec<_> = shown.collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    format!(
        "\"{text}\" could be {}; name one by its id",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these paths a text means: each is `id=name` joined by `>`.
    fn pick_of(paths: &[&str], text: &str) -> Result<String, String> {
        let part = |part: &str| {
            let (id, name) = part.split_once('=').unwrap();
            Part::new(id, name)
        };
        let path = |path: &&str| (path.split('>').map(part).collect(), (*path).to_owned());
        pick("list", text, paths.iter().map(path).collect()).map_err(|error| error.to_string())
    }

    const LISTS: [&str; 5] = [
        "b1=Demo board>l1=To do",
        "b1=Demo board>l2=Doing",
        "b2=Garden>l3=To do",
        "b2=Garden>l4=Todo/later",
        "b3=l2>l5=Done",
    ];

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = pick_of(&LISTS, text).unwrap();
        assert!(found.contains(&format!(">{expected}=")), "{text}: {found}");
    }

    #[test]
    fn ids_win_over_names_and_whole_names_over_beginnings() {
        check("l1", "l1");
        check("l2", "l2");
        check("doing", "l2");
        check("DOI", "l2");
        check("don", "l5");
        check("todo/later", "l4");
        check("todo", "l4");
    }

    #[test]
    fn a_path_tells_apart_what_is_called_the_same() {
        check("demo board/to do", "l1");
        check("Demo board / To do", "l1");
        check("b2/To do", "l3");
        check("gar/To do", "l3");
        check("garden/todo/l", "l4");
        check("l2/Done", "l5");
        check("demo/l1", "l1");
    }

    #[test]
    fn what_fits_several_things_is_refused_with_all_of_them() {
        assert_eq!(
            pick_of(&LISTS, "to do").unwrap_err(),
            "\"to do\" could be Demo board/To do (l1), Garden/To do (l3); name one by its id"
        );
        assert!(
            pick_of(&LISTS, "do")
                .unwrap_err()
                .contains("Doing (l2), l2/Done (l5)")
        );
        let many: Vec<_> = (0..12).map(|n| format!("b=B>l{n}=Same")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let refused = pick_of(&many, "same").unwrap_err();
        assert!(refused.contains("B/Same (l9), and 2 more"), "{refused}");
    }

    #[test]
    fn what_fits_nothing_is_said_so() {
        for text in [
            "nothing",
            "",
            " ",
            "/",
            "Garden/",
            "/To do",
            "Garden/Doing",
            "b1",
        ] {
            let refused = pick_of(&LISTS, text).unwrap_err();
            assert_eq!(refused, format!("there is no list \"{text}\""));
        }
    }
}
