//! Standard output: lines for people or the server's JSON, each line at once. A reader that went away
//! is no error.

use super::Failure;
use serde_json::value::RawValue;
use std::io::{self, ErrorKind, Write};

/// Where a verb prints.
pub(crate) struct Output {
    is_json: bool,
    sink: Box<dyn Write>,
}

impl Output {
    /// Standard output, for people or for programs.
    pub(crate) fn new(is_json: bool) -> Self {
        Self {
            is_json,
            sink: Box::new(io::stdout()),
        }
    }

    /// Whether it prints what the server said, unchanged.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// A line for a person. What comes from a server can't steer the terminal.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(&text.replace(char::is_control, " "))
    }

    /// A line for a program.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text)
    }

    /// Things, each in a line: as told, or in columns.
    pub(crate) fn things<'a>(
        &mut self,
        things: impl Iterator<Item = (&'a RawValue, Vec<String>)>,
    ) -> Result<(), Failure> {
        let (texts, rows): (Vec<_>, Vec<_>) = things.unzip();
        if self.is_json {
            return texts.iter().try_for_each(|text| self.raw(text.get()));
        }
        columns(&rows).iter().try_for_each(|line| self.line(line))
    }

    /// What a change came to: as told, or in a sentence.
    pub(crate) fn changed(&mut self, answer: &str, sentence: &str) -> Result<(), Failure> {
        match (self.is_json, answer) {
            (false, _) => self.line(sentence),
            // A deletion is answered without a word.
            (true, "") => Ok(()),
            (true, answer) => self.raw(answer),
        }
    }

    /// A text of several lines.
    pub(crate) fn text(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.put(text)
    }

    fn write(&mut self, line: &str) -> Result<(), Failure> {
        self.put(format!("{line}\n").as_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let put = self.sink.write_all(bytes).and_then(|()| self.sink.flush());
        put.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::Unread,
            _ => Failure::Refused(format!("the output can't be written: {error}")),
        })
    }
}

/// Rows as lines whose cells stand below each other, two spaces apart.
fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let width = |cell: &String| cell.chars().count();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (known, cell) in widths.iter_mut().zip(row) {
            *known = width(cell).max(*known);
        }
    }
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (cell, column) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', column - width(cell) + 2));
        }
        line.trim_end().into()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other() {
        let rows = [["a", "É", "x"], ["list-b", "bb", ""], ["c", "", "y"]];
        let rows: Vec<_> = rows
            .iter()
            .map(|row| row.map(String::from).to_vec())
            .collect();
        assert_eq!(
            columns(&rows),
            ["a       É   x", "list-b  bb", "c           y"]
        );
        assert!(columns(&[]).is_empty());
    }
}
