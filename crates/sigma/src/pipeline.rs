//! How the names and values of a rule become those of a store, in pySigma's sense: a list of
//! transformations, each with conditions on the rule, the test and the field.

/// A processing pipeline.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Smaller ones go first.
    pub priority: i64,
}
