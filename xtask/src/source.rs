//! A file as the house rules see it: its text, and for Rust the tokens, the comments and every path it names. A small
//! lexer, no parser: enough to tell code from comments and strings, and to spell out `use a::{b, c::d}`. Knows no rule.

/// One text file of the tree.
pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Empty for anything but Rust.
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    /// How many of `tokens` stand before the test module at the end of the file.
    product_len: usize,
}

/// A token, and its line counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) piece: Piece,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A word: name or keyword, without a leading `r#`.
    Word(String),
    /// `::`
    Sep,
    /// Any other single character.
    Mark(char),
    /// A string, character or number; rules never look inside.
    Literal,
}

/// One line of a comment, of whatever kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A path that the code names: `a::b::c`, or one leaf of a `use`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// From a `use` or `extern crate`.
    pub(crate) imported: bool,
    /// The `mod name { }` blocks of this file it stands in, outermost first.
    pub(crate) inside: Vec<String>,
}

impl Source {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let (tokens, comments) = if path.ends_with(".rs") {
            lex(&text)
        } else {
            (Vec::new(), Vec::new())
        };
        let is_test_file = path.ends_with("/tests.rs") || path.contains("/tests/");
        let product_len = if is_test_file {
            0
        } else {
            test_module_at(&tokens).unwrap_or(tokens.len())
        };
        Self {
            path,
            text,
            tokens,
            comments,
            product_len,
        }
    }

    /// The code without its tests: without `#[cfg(test)] mod tests` and what follows it; nothing of a test file.
    pub(crate) fn product(&self) -> &[Token] {
        &self.tokens[..self.product_len]
    }

    /// The file's lines, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.piece {
            Piece::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.piece == Piece::Mark(mark)
    }
}

impl Named {
    pub(crate) fn starts_with(&self, prefix: &[&str]) -> bool {
        self.segments.len() >= prefix.len() && self.segments.iter().zip(prefix).all(|(a, b)| a == b)
    }
}

/// Every path of two segments or more that `tokens` name, and every leaf of a `use`, a glob's as `*`.
pub(crate) fn paths(tokens: &[Token]) -> Vec<Named> {
    let mut reader = PathReader {
        tokens,
        at: 0,
        depth: 0,
        modules: Vec::new(),
        found: Vec::new(),
    };
    while reader.at < tokens.len() {
        reader.step();
    }
    reader.found
}

/// Where the trailing test module begins.
fn test_module_at(tokens: &[Token]) -> Option<usize> {
    let opening = "#[cfg(test)] mod tests";
    let (wanted, _) = lex(opening);
    tokens.windows(wanted.len()).position(|window| {
        window
            .iter()
            .map(|token| &token.piece)
            .eq(wanted.iter().map(|token| &token.piece))
    })
}

struct PathReader<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Of braces.
    depth: usize,
    /// Open `mod name {` blocks, with the depth outside of each.
    modules: Vec<(String, usize)>,
    found: Vec<Named>,
}

impl<'a> PathReader<'a> {
    fn step(&mut self) {
        let word = self.word_at(self.at);
        let next_word = self.word_at(self.at + 1);
        match (word, next_word) {
            // `use<'a>` in a bound is no import.
            (Some("use"), _) if !self.mark_at(self.at + 1, '<') => {
                self.at += 1;
                self.use_tree(Vec::new());
            }
            (Some("extern"), Some("crate")) => {
                if let Some(name) = self.word_at(self.at + 2) {
                    self.push(self.at, vec![name.to_owned()], true);
                }
                self.at += 3;
            }
            (Some("mod"), Some(name)) if self.mark_at(self.at + 2, '{') => {
                self.modules.push((name.to_owned(), self.depth));
                self.depth += 1;
                self.at += 3;
            }
            (Some(_), _) => self.inline_path(),
            (None, _) => {
                if self.mark_at(self.at, '{') {
                    self.depth += 1;
                } else if self.mark_at(self.at, '}') {
                    self.depth = self.depth.saturating_sub(1);
                    if self
                        .modules
                        .last()
                        .is_some_and(|(_, outside)| *outside == self.depth)
                    {
                        self.modules.pop();
                    }
                }
                self.at += 1;
            }
        }
    }

    fn inline_path(&mut self) {
        let start = self.at;
        let mut segments = Vec::new();
        while let Some(word) = self.word_at(self.at) {
            segments.push(word.to_owned());
            self.at += 1;
            if !(self.sep_at(self.at) && self.word_at(self.at + 1).is_some()) {
                break;
            }
            self.at += 1;
        }
        // `<T as A>::b` and `a::<T>::b`: what follows the bracket is no path of its own.
        let continues = start >= 2 && self.sep_at(start - 1) && self.mark_at(start - 2, '>');
        if segments.len() > 1 && !continues {
            self.push(start, segments, false);
        }
    }

    fn use_tree(&mut self, mut prefix: Vec<String>) {
        if self.sep_at(self.at) {
            self.at += 1;
        }
        let start = self.at;
        if self.mark_at(start, '{') {
            self.at += 1;
            while self.at < self.tokens.len() && !self.mark_at(self.at, '}') {
                let before = self.at;
                self.use_tree(prefix.clone());
                if self.mark_at(self.at, ',') || self.at == before {
                    self.at += 1;
                }
            }
            self.at += 1;
        } else if self.mark_at(start, '*') {
            prefix.push("*".to_owned());
            self.push(start, prefix, true);
            self.at += 1;
        } else if let Some(word) = self.word_at(start) {
            let is_group_itself = word == "self" && !prefix.is_empty();
            if !is_group_itself {
                prefix.push(word.to_owned());
            }
            self.at += 1;
            if self.sep_at(self.at) {
                self.use_tree(prefix);
            } else {
                self.push(start, prefix, true);
                if self.word_at(self.at) == Some("as") {
                    self.at += 2;
                }
            }
        }
    }

    fn push(&mut self, start: usize, segments: Vec<String>, imported: bool) {
        self.found.push(Named {
            line: self.tokens[start].line,
            segments,
            imported,
            inside: self.modules.iter().map(|(name, _)| name.clone()).collect(),
        });
    }

    fn word_at(&self, at: usize) -> Option<&'a str> {
        self.tokens.get(at).and_then(Token::word)
    }

    fn mark_at(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_mark(mark))
    }

    fn sep_at(&self, at: usize) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.piece == Piece::Sep)
    }
}

fn lex(text: &str) -> (Vec<Token>, Vec<Comment>) {
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        at: 0,
        line: 1,
        tokens: Vec::new(),
        comments: Vec::new(),
    };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    (lexer.tokens, lexer.comments)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl Lexer {
    fn step(&mut self) {
        let here = self.chars[self.at];
        match here {
            '/' if self.peek(1) == Some('/') => self.line_comment(),
            '/' if self.peek(1) == Some('*') => self.block_comment(),
            '"' => self.string(),
            '\'' => self.quote(),
            ':' if self.peek(1) == Some(':') => {
                self.emit(Piece::Sep);
                self.advance(2);
            }
            _ if here.is_ascii_digit() => {
                self.emit(Piece::Literal);
                self.take_word();
            }
            _ if is_word(here) => self.word(),
            _ => {
                if !here.is_whitespace() {
                    self.emit(Piece::Mark(here));
                }
                self.advance(1);
            }
        }
    }

    fn line_comment(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.advance(1);
        }
        self.comment(self.line, start);
    }

    /// They nest.
    fn block_comment(&mut self) {
        let mut open = 0;
        let mut start = self.at;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    open += 1;
                    self.advance(2);
                }
                (Some('*'), Some('/')) => {
                    open -= 1;
                    self.advance(2);
                    if open == 0 {
                        break;
                    }
                }
                (Some('\n'), _) => {
                    self.comment(self.line, start);
                    self.advance(1);
                    start = self.at;
                }
                _ => self.advance(1),
            }
        }
        self.comment(self.line, start);
    }

    fn comment(&mut self, line: usize, start: usize) {
        let text = self.chars[start..self.at].iter().collect();
        self.comments.push(Comment { line, text });
    }

    /// A string with escapes, from its opening quote.
    fn string(&mut self) {
        self.emit(Piece::Literal);
        self.advance(1);
        while let Some(c) = self.peek(0) {
            self.advance(if c == '\\' { 2 } else { 1 });
            if c == '"' {
                break;
            }
        }
    }

    /// From the first `#` or the quote after an `r`.
    fn raw_string(&mut self) {
        self.emit(Piece::Literal);
        let hashes = self.hashes();
        self.advance(hashes + 1);
        while self.at < self.chars.len() {
            let closes =
                self.peek(0) == Some('"') && (1..=hashes).all(|n| self.peek(n) == Some('#'));
            self.advance(1);
            if closes {
                self.advance(hashes);
                break;
            }
        }
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        self.advance(1);
        if self.peek(0) == Some('\\') {
            self.advance(2);
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.advance(1);
            }
            self.advance(1);
            self.emit(Piece::Literal);
        } else if self.peek(1) == Some('\'') {
            self.advance(2);
            self.emit(Piece::Literal);
        } else {
            self.take_word();
        }
    }

    fn word(&mut self) {
        let (start, line) = (self.at, self.line);
        self.take_word();
        let word: String = self.chars[start..self.at].iter().collect();
        let next = self.peek(0);
        let raw_quote = self.peek(self.hashes()) == Some('"');
        match word.as_str() {
            "r" | "br" | "cr" if raw_quote => self.raw_string(),
            "b" | "c" if next == Some('"') => self.string(),
            "b" if next == Some('\'') => self.quote(),
            // `r#name`: the name follows.
            "r" if next == Some('#') => self.advance(1),
            _ => self.tokens.push(Token {
                line,
                piece: Piece::Word(word),
            }),
        }
    }

    fn take_word(&mut self) {
        while self.peek(0).is_some_and(is_word) {
            self.advance(1);
        }
    }

    /// How many `#` stand here.
    fn hashes(&self) -> usize {
        self.chars[self.at..]
            .iter()
            .take_while(|c| **c == '#')
            .count()
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn advance(&mut self, count: usize) {
        let end = (self.at + count).min(self.chars.len());
        self.line += self.chars[self.at..end]
            .iter()
            .filter(|c| **c == '\n')
            .count();
        self.at = end;
    }

    fn emit(&mut self, piece: Piece) {
        self.tokens.push(Token {
            line: self.line,
            piece,
        });
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(code: &str) -> Vec<String> {
        let source = Source::new("a.rs", code);
        paths(&source.tokens)
            .iter()
            .map(|path| format!("{}:{}", path.line, path.segments.join("::")))
            .collect()
    }

    #[test]
    fn use_groups_are_spelled_out() {
        assert_eq!(
            named("use crate::{\n    a,\n    b::{self, c as d, e::*},\n};\nuse ::http::Uri;"),
            [
                "2:crate::a",
                "3:crate::b",
                "3:crate::b::c",
                "3:crate::b::e::*",
                "5:http::Uri"
            ]
        );
    }

    #[test]
    fn paths_in_the_middle_of_code_are_found() {
        assert_eq!(
            named(
                "fn f<'a>(x: &'a super::T) -> impl A + use<'a> { crate::g::<u8>::h(); <T as std::fmt::Display>::fmt }"
            ),
            ["1:super::T", "1:crate::g", "1:std::fmt::Display"]
        );
    }

    #[test]
    fn comments_strings_and_characters_are_not_code() {
        let code = r##"
            // a::b
            /* c::d /* e::f */ g::h */
            let s = "i::j \" k::l";
            let r = r#"m::n " o::p"#;
            let c = ('"', '\'', b'"', b"q::r");
            s::t;
        "##;
        assert_eq!(named(code), ["7:s::t"]);
    }

    #[test]
    fn comments_are_kept_line_by_line() {
        let source = Source::new("a.rs", "//! one\nx /* two\nthree */\n\"// four\"");
        let lines: Vec<_> = source
            .comments
            .iter()
            .map(|comment| (comment.line, comment.text.as_str()))
            .collect();
        assert_eq!(lines, [(1, "//! one"), (2, "/* two"), (3, "three */")]);
    }

    #[test]
    fn the_test_module_is_cut_off() {
        let source = Source::new(
            "src/a.rs",
            "use a::b;\n#[cfg(test)]\nmod tests {\n use c::d;\n}",
        );
        let found = paths(source.product());
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(&["a", "b"]));
        assert!(
            Source::new("src/a/tests.rs", "use a::b;")
                .product()
                .is_empty()
        );
    }

    #[test]
    fn a_path_knows_the_modules_around_it() {
        let source = Source::new("a.rs", "mod m { mod n { use a::b; } use c::d; } use e::f;");
        let around: Vec<_> = paths(&source.tokens)
            .iter()
            .map(|path| path.inside.join("::"))
            .collect();
        assert_eq!(around, ["m::n", "m", ""]);
    }
}
