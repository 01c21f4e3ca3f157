//! The engine around [`boardcast_fuzz::stream`]; `cargo xtask fuzz stream` starts it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| boardcast_fuzz::stream(bytes));
