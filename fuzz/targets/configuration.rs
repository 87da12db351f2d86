//! See `pullpass_fuzz::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pullpass_fuzz::seeds::write_if_asked("configuration"),
    |bytes: &[u8]| pullpass_fuzz::configuration::check(bytes)
);
