//! The kept inputs, as plain tests: seeds that a person wrote, what the engine found beyond them, and whatever
//! once broke something.

use std::fs;
use std::path::Path;

/// Gives every kept input of a target to it.
#[expect(clippy::print_stdout, reason = "a test that fails says at which input")]
fn check(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let mut inputs: Vec<_> = fs::read_dir(&folder)
        .expect("a folder of inputs")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    for input in inputs {
        println!("{}", input.display());
        target(&fs::read(&input).expect("a file"));
    }
}

#[test]
fn kept_inputs_of_the_core_keep_its_promises() {
    check("wire", boardcast_fuzz::wire);
}

#[test]
fn kept_requests_are_answered_as_the_contract_says() {
    check("http", boardcast_fuzz::http);
}

#[test]
fn kept_streams_are_read_alike_by_all_readers() {
    check("stream", boardcast_fuzz::stream);
}

#[test]
fn kept_histories_come_to_a_verdict() {
    check("histories", boardcast_fuzz::histories);
}
