//! The engine around [`boardcast_fuzz::histories`]; `cargo xtask fuzz histories` starts it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| boardcast_fuzz::histories(bytes));
