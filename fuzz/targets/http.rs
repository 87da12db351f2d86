//! See `pullpass_fuzz::http`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pullpass_fuzz::seeds::write_if_asked("http"),
    |bytes: &[u8]| pullpass_fuzz::http::check(bytes)
);
