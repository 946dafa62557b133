//! Any text may be handed to the parser: nothing panics, every diagnostic points into the text, a
//! good text prints to a text that means the same, and formatting it twice is formatting it once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vql_syntax::{format, parse_expression, parse_lambda, parse_program, print_program};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = parse_lambda(&text);
    let _ = parse_expression(&text);
    let parsed = parse_program(&text);
    for diagnostic in parsed.errors.iter().chain(&parsed.warnings) {
        let span = diagnostic.span;
        assert!(span.start <= span.end && text.get(span.start..span.end).is_some());
        assert!(!diagnostic.render("fuzz", &text).is_empty());
    }
    if parsed.errors.is_empty() {
        let printed = print_program(&parsed.program);
        let again = parse_program(&printed);
        assert!(again.errors.is_empty(), "{text:?} printed as {printed:?}: {:?}", again.errors);
        assert_eq!(print_program(&again.program), printed);
        let once = format(&text).expect("a good text can be formatted");
        let twice = format(&once).unwrap_or_else(|wrong| panic!("{once:?}: {wrong:?}"));
        assert_eq!(twice, once);
        assert_eq!(print_program(&parse_program(&once).program), printed);
    }
});
