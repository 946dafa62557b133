//! Whatever the text, reading ends, and what is wrong has a place.

use proptest::prelude::*;

use crate::{BASE, RULE, read};

fn check(text: &str) {
    let (definitions, problems) = read(&[("a.yaml", BASE), ("b.yaml", text), ("c.yml", RULE)]);
    for problem in &problems {
        assert!(problem.line >= 1 && problem.column >= 1, "{problem}");
        assert!(!problem.message.is_empty() && !problem.file.is_empty());
    }
    let streams = definitions.streams();
    let known = definitions.tenants.len() * definitions.rules.len();
    assert!(known == 0 || streams.assignments.len() + streams.inapplicable.len() >= 1);
}

proptest! {
    #[test]
    fn any_text(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn pieces_of_good_files(pieces in prop::collection::vec((0..BASE.len(), 0..60_usize), 0..8)) {
        let whole = format!("{BASE}---\n{RULE}");
        let text: String = pieces
            .into_iter()
            .map(|(from, length)| whole.get(from..(from + length).min(whole.len())).unwrap_or(""))
            .collect();
        check(&text);
    }

    #[test]
    fn a_good_file_with_a_hole(from in 0..400_usize, length in 0..40_usize, put in "[\\PC\n]{0,8}") {
        let mut text = RULE.to_owned();
        let (from, to) = (from.min(text.len()), (from + length).min(text.len()));
        text.replace_range(from..to, &put);
        check(&text);
    }
}
