//! Any bytes as `taxiway::fuzzing::media` takes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taxiway::fuzzing::media(data));
