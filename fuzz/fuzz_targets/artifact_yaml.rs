//! Any text may be handed to the artifact reader: nothing panics, a bad file is bad for a reason
//! that can be shown, and a good one compiles or says why not.

#![no_main]

use artifacts::{ArtifactSet, SourceChoice, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut set = ArtifactSet::new();
    let name = match set.add("fuzz.yaml", &text) {
        Ok(artifact) => artifact.name.clone(),
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.line >= 1 && problem.column >= 1);
                assert!(!problem.render().is_empty() && !problem.to_string().is_empty());
            }
            return;
        }
    };
    for problem in set.problems() {
        assert!(!problem.render().is_empty());
    }
    if let Ok(compiled) = compile(&set, &name, &[], &SourceChoice::All) {
        for text in compiled.sources.iter().map(|source| &source.vql).chain([&compiled.prelude]) {
            let parsed = vql_syntax::parse_program(text);
            assert!(text.trim().is_empty() || parsed.errors.is_empty(), "{:?}", parsed.errors);
        }
    }
});
