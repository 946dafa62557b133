//! What a table of fields is; the tables themselves are in [`crate::tables`].

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A name: letters, digits, `-`, `_`, `.`.
    Name,
    /// True or false.
    Flag,
    /// A whole number within bounds.
    Number(u64, u64),
    /// A length of time.
    Duration,
    /// A number of bytes.
    Size,
    /// A date or moment.
    Moment,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, or a length of time.
    ChoiceOrDuration(&'static [&'static str]),
    /// One of these words, or fields.
    ChoiceOrTable(&'static [&'static str], &'static Table),
    /// A list of texts.
    Texts,
    /// A list of lengths of time.
    Durations,
    /// Fields.
    Table(&'static Table),
    /// A list of fields.
    Tables(&'static Table),
    /// Fields under names of the user's choice.
    MapOfTables(&'static Table),
    /// Texts under names of the user's choice.
    MapOfTexts,
    /// Lists of values under names of the user's choice.
    MapOfValues,
    /// Where a secret is.
    Secret,
    /// Secrets under names.
    MapOfSecrets,
    /// Texts or secrets under names of the user's choice.
    MapOfSettings,
    /// Rows: sets of fields of any names.
    Rows,
    /// Rows under names of datasets.
    MapOfRows,
    /// Category, product and service, or the three in one text with `/` between them.
    LogSource,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// What it means, for people.
    pub(crate) doc: &'static str,
}

/// Fields that stand together.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name in the JSON Schema.
    pub(crate) name: &'static str,
    /// What it describes.
    pub(crate) doc: &'static str,
    pub(crate) fields: &'static [Field],
}

impl Table {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.name).collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
