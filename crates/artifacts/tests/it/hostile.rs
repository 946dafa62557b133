//! Files that try to break the reader.

use artifacts::{ArtifactSet, SourceChoice, compile, parse_artifact};
use proptest::prelude::*;

const PIECES: &[&str] = &[
    "name: A",
    "name:",
    "sources:",
    "parameters:",
    "  - ",
    "- ",
    "query:",
    "query: |",
    "query: >-",
    "precondition:",
    "  SELECT * FROM a",
    "    LET x = 1",
    "-- x",
    "type: bool",
    "default: Y",
    "choices:",
    "export: LET x = 1",
    "imports: [A]",
    "aliases: [B]",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "&a ",
    "*a",
    "!!str",
    "---",
    "...",
    "|",
    ">",
    "\t",
    " ",
    "\u{feff}",
    "é",
    "%YAML 1.2",
    "? ",
    ": ",
    "#",
    "resources:",
    "  timeout: 1",
];

fn judge(text: &str) {
    match parse_artifact("test.yaml", text) {
        Err(problems) => {
            assert!(!problems.is_empty(), "{text:?} is bad without a reason");
            for problem in problems {
                assert!(problem.line >= 1 && problem.column >= 1, "{text:?}: {problem}");
                assert!(!problem.render().is_empty());
            }
        }
        Ok(artifact) => {
            let mut set = ArtifactSet::new();
            set.add("test.yaml", text).unwrap();
            let _ = set.problems();
            let _ = compile(&set, &artifact.name, &[], &SourceChoice::All);
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        judge(&text);
    }

    #[test]
    fn no_heap_of_pieces_makes_the_reader_panic(
        pieces in prop::collection::vec(
            (prop::sample::select(PIECES), prop::sample::select(vec!["", "\n", "\n  ", " "])),
            0..30,
        ),
    ) {
        let text: String = pieces.iter().flat_map(|(piece, glue)| [*piece, *glue]).collect();
        judge(&text);
    }
}
