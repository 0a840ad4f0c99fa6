#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| syncwell::fuzzing::notifications(data));
