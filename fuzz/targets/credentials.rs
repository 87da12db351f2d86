//! See `pullpass_fuzz::credentials`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pullpass_fuzz::seeds::write_if_asked("credentials"),
    |bytes: &[u8]| pullpass_fuzz::credentials::check(bytes)
);
