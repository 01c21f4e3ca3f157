//! The engine around [`boardcast_fuzz::http`]; `cargo xtask fuzz http` starts it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| boardcast_fuzz::http(bytes));
