//! See `pullpass_fuzz::pattern`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pullpass_fuzz::seeds::write_if_asked("pattern"),
    |bytes: &[u8]| pullpass_fuzz::pattern::check(bytes)
);
