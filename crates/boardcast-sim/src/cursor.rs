//! The look of cursors. To a client they are opaque; a judge has to count, so it takes them apart
//! here and nowhere else.

/// How many lower-case hex digits a mark has: 48 bits.
const MARK_DIGITS: usize = 12;

/// The place before the first event: it has no mark of its own.
const START: &str = "0-000000000000";

/// The number in a cursor `<seq>-<mark>`; 0 before the first event.
///
/// # Errors
/// If it doesn't look as the contract says: a number without leading zeros, a dash, twelve
/// lower-case hex digits.
pub fn seq_of(cursor: &str) -> Result<u64, String> {
    if cursor == START {
        return Ok(0);
    }
    let malformed = || format!("{cursor:?} is not a cursor <seq>-<mark>");
    let (seq, mark) = cursor.split_once('-').ok_or_else(malformed)?;
    let plain = !seq.starts_with('0') && seq.bytes().all(|digit| digit.is_ascii_digit());
    let hex = mark
        .bytes()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !plain || !hex || mark.len() != MARK_DIGITS {
        return Err(malformed());
    }
    seq.parse().map_err(|_| malformed())
}

/// The elements of a merged stream's id `board:cursor,board:cursor`, in the order they stand there.
///
/// # Errors
/// If an element has no colon or no well-formed cursor after it.
pub fn elements(id: &str) -> Result<Vec<(String, String)>, String> {
    let element = |part: &str| {
        let (board, cursor) = part
            .split_once(':')
            .ok_or_else(|| format!("{part:?} in {id:?} is not board:cursor"))?;
        seq_of(cursor)?;
        Ok((board.to_owned(), cursor.to_owned()))
    };
    id.split(',').map(element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_cursor_gives_its_number() {
        assert_eq!(seq_of("42-03b7710c9ae4"), Ok(42));
        assert_eq!(seq_of(START), Ok(0));
    }

    #[test]
    fn anything_else_is_refused() {
        let bad = [
            "",
            "42",
            "-03b7710c9ae4",
            "042-03b7710c9ae4",
            "0-03b7710c9ae4",
            "42-03B7710C9AE4",
            "42-03b7710c9ae",
            "+1-03b7710c9ae4",
        ];
        for cursor in bad {
            assert!(seq_of(cursor).is_err(), "{cursor:?} passed");
        }
    }

    #[test]
    fn a_merged_id_comes_apart() {
        let apart = elements("a:1-03b7710c9ae4,b:22-9f3ac21b07de").unwrap();
        assert_eq!(
            apart,
            [
                ("a".into(), "1-03b7710c9ae4".into()),
                ("b".into(), "22-9f3ac21b07de".into())
            ]
        );
        assert!(elements("a:1-03b7710c9ae4,22-9f3ac21b07de").is_err());
    }
}
