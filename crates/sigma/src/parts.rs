//! What tests mean by themselves, for others that evaluate predicates in their own order.
//!
//! [`crate::RuleSet`] is made of the same parts, so whoever uses them means the same.

use rows::{Text, Value};

use crate::predicate::Test;
use crate::text::TextPattern;

/// Whether the values of a field (not NULL, of an array its elements) satisfy a test that is not
/// about their text.
pub fn values_satisfy(values: &[Value], test: &Test) -> bool {
    crate::values::satisfy(values, test)
}

/// Whether the texts of a field compare with those of another as a [`Test::OtherField`] wants.
pub fn texts_compare(test: &Test, own: &[Text], other: &[Text]) -> bool {
    crate::values::other_field(test, own, other)
}

/// The compiled form of a test that is a regular expression; nothing for other tests, and for
/// expressions that are refused.
pub fn compiled(test: &Test) -> Option<regex::bytes::Regex> {
    crate::modifier::compile(test)?.ok()
}

/// Appends the text in the form in which texts are compared without regard to case.
pub fn fold_into(text: &[u8], out: &mut Vec<u8>) {
    crate::text::fold_into(text, out);
}

/// The pattern for folded texts.
pub fn folded(pattern: &TextPattern) -> TextPattern {
    pattern.folded()
}
