//! The engine around [`boardcast_fuzz::wire`]; `cargo xtask fuzz wire` starts it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| boardcast_fuzz::wire(bytes));
