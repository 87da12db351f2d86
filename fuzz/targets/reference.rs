//! See `pullpass_fuzz::reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pullpass_fuzz::seeds::write_if_asked("reference"),
    |bytes: &[u8]| pullpass_fuzz::reference::check(bytes)
);
