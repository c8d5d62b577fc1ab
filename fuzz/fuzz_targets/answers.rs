//! Any bytes as `taxiway::fuzzing::answers` takes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taxiway::fuzzing::answers(data));
