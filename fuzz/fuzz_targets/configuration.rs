//! Any bytes as `taxiway::fuzzing::configuration` takes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taxiway::fuzzing::configuration(data));
