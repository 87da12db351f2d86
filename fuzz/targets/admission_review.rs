//! See `pullpass_fuzz::admission_review`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pullpass_fuzz::seeds::write_if_asked("admission_review"),
    |bytes: &[u8]| pullpass_fuzz::admission_review::check(bytes)
);
