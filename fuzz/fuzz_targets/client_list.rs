//! Pasted lists of clients: any text is read, or refused with reasons.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    let column = (kind % 2 == 1).then_some("host");
    match api::client_list::read_client_list(&text, column) {
        Ok(names) => assert!(names.len() <= text.len()),
        Err(problems) => assert!(!problems.is_empty()),
    }
});
