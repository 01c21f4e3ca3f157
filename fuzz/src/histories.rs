//! Written histories: the judge comes to a verdict on any text, the same each time, and what it can read
//! it can write again.

use boardcast_sim::history::{Line, judge, judge_text};

/// Takes a history in JSON lines.
pub fn histories(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let verdict = judge_text(text);
    let lines: Result<Vec<Line>, _> = text.lines().map(serde_json::from_str).collect();
    let Ok(lines) = lines else {
        return;
    };
    assert_eq!(judge(&lines), verdict, "read at once or line by line");
    for line in lines {
        let written = serde_json::to_string(&line).expect("a line is JSON");
        assert_eq!(serde_json::from_str::<Line>(&written).ok(), Some(line));
    }
}
