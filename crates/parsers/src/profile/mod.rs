//! Profiles: a small language that says how the bytes of a format lie, for `parse_binary`.
//!
//! A profile is a list of structs, `[name, size, [[field, offset, type, options], …]]`. Sizes,
//! offsets, counts and the like are numbers or lambdas of VQL in a text (`x=>x.Length + 4`), which
//! are kept as text here: who evaluates them is no business of the grammar. Types are looked up
//! by name only when they are used, because a struct may be defined further down.
//!
//! A field that makes no sense is a [`Problem`](ProfileError) of its own and reads as NULL; the
//! rest of the profile is usable. A text that is no profile is an error with its place.
//!
//! # Invariants
//!
//! - **PF-1** Reading a profile is linear in its length, and nesting is bounded.
//! - **PF-2** [`decode`] functions never panic and look at no more bytes than they are given.
//!
//! # Not here
//!
//! Reading files, calling lambdas, fields that depend on each other: `vql-std`.

pub mod decode;
mod kinds;
mod options;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use self::text::{Item, Node};

pub use self::kinds::{Amount, Constant, Kind, StringKind, TextEnd, ValueKind, builtin};

/// What is wrong with a profile, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("profile, line {line}, column {column}: {what}")]
pub struct ProfileError {
    /// The line, counted from one.
    pub line: u32,
    /// The column in characters, counted from one.
    pub column: u32,
    /// What is wrong, and how to mend it.
    pub what: String,
}

/// Structs by name.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    structs: HashMap<String, Arc<Struct>>,
    /// Fields that make no sense; they read as NULL.
    pub problems: Vec<ProfileError>,
}

/// How one struct lies.
#[derive(Debug, Clone)]
pub struct Struct {
    /// Its name.
    pub name: String,
    /// How many bytes it has; 0 when it does not say.
    pub size: Amount,
    /// Its fields, in the order written.
    pub fields: Vec<Field>,
    by_name: HashMap<String, usize>,
}

/// One field of a struct.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where it begins, from the start of the struct.
    pub offset: Amount,
    /// What it is; `None` when the profile makes no sense there.
    pub kind: Option<Arc<Kind>>,
}

impl Struct {
    /// The number of the field of that name.
    pub fn field(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

impl Profile {
    /// Reads a profile.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let node = text::read(text)?;
        let Item::List(definitions) = &node.item else {
            return Err(node.place.error(format!(
                "a profile is a list of structs, [[name, size, fields], …], and no {}",
                node.item.what().trim_start_matches("a ")
            )));
        };
        let mut profile = Self::default();
        for definition in definitions {
            let read = profile.structure(definition)?;
            profile.structs.insert(read.name.clone(), Arc::new(read));
        }
        Ok(profile)
    }

    /// The struct of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Struct>> {
        self.structs.get(name)
    }

    /// The names of the structs, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.structs.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Every lambda of the profile, with the struct and the field that it stands in.
    pub fn lambdas(&self) -> Vec<(String, Arc<str>)> {
        let mut all = Vec::new();
        for name in self.names() {
            let structure = &self.structs[name];
            let mut here = |place: String, texts: Vec<Arc<str>>| {
                all.extend(texts.into_iter().map(|text| (place.clone(), text)));
            };
            here(
                format!("size of struct {name}"),
                structure.size.lambda().cloned().into_iter().collect(),
            );
            for field in &structure.fields {
                let mut texts: Vec<_> = field.offset.lambda().cloned().into_iter().collect();
                if let Some(kind) = &field.kind {
                    kind.lambdas(&mut texts);
                }
                here(format!("field {} of struct {name}", field.name), texts);
            }
        }
        all
    }

    fn structure(&mut self, node: &Node) -> Result<Struct, ProfileError> {
        const FORM: &str = "a struct is [name, size, [fields]]";
        let Item::List(parts) = &node.item else {
            return Err(node.place.error(format!("{FORM} and not {}", node.item.what())));
        };
        let [name, size, fields] = &parts[..] else {
            return Err(node.place.error(format!("{FORM}; here are {} parts", parts.len())));
        };
        let Item::Text(struct_name) = &name.item else {
            return Err(name.place.error("the name of a struct is a text"));
        };
        let size = Amount::of(size)
            .map_err(|what| size.place.error(format!("size of struct {struct_name}: {what}")))?;
        let Item::List(definitions) = &fields.item else {
            return Err(fields.place.error(format!(
                "the fields of struct {struct_name} are a list [[field, offset, type, options], …]"
            )));
        };
        let mut read = Struct {
            name: struct_name.clone(),
            size,
            fields: Vec::with_capacity(definitions.len()),
            by_name: HashMap::new(),
        };
        for definition in definitions {
            let field = self.field(definition, struct_name)?;
            read.by_name.insert(field.name.clone(), read.fields.len());
            read.fields.push(field);
        }
        Ok(read)
    }

    fn field(&mut self, node: &Node, struct_name: &str) -> Result<Field, ProfileError> {
        let form = || {
            let what = format!("a field of struct {struct_name} is [name, offset, type, options]");
            node.place.error(what)
        };
        let Item::List(parts) = &node.item else { return Err(form()) };
        let (name, offset, kind, options) = match &parts[..] {
            [name, offset, kind] => (name, offset, kind, None),
            [name, offset, kind, options] => (name, offset, kind, Some(options)),
            _ => return Err(form()),
        };
        let (Item::Text(name), Item::Text(type_name)) = (&name.item, &kind.item) else {
            return Err(form());
        };
        let amount = Amount::of(offset).map_err(|what| {
            offset.place.error(format!("offset of field {name} of struct {struct_name}: {what}"))
        })?;
        let read = options::read(type_name, options, kind.place, &mut self.problems);
        let kind = match read {
            Ok(kind) => Some(Arc::new(kind)),
            Err(mut wrong) => {
                wrong.what = format!("field {name} of struct {struct_name}: {}", wrong.what);
                self.problems.push(wrong);
                None
            }
        };
        Ok(Field { name: name.clone(), offset: amount, kind })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, wanted: Expect) {
        let shown = match Profile::parse(text) {
            Err(error) => error.to_string(),
            Ok(profile) => {
                let mut lines = Vec::new();
                for name in profile.names() {
                    let structure = profile.get(name).unwrap();
                    lines.push(format!("{name} {}", structure.size));
                    for field in &structure.fields {
                        let kind =
                            field.kind.as_ref().map_or("-".to_owned(), |kind| format!("{kind:?}"));
                        lines.push(format!("  {} @{} {kind}", field.name, field.offset));
                    }
                }
                lines.extend(profile.problems.iter().map(ToString::to_string));
                lines.join("\n")
            }
        };
        wanted.assert_eq(&shown);
    }

    #[test]
    fn structs_have_sizes_fields_and_options() {
        check(
            r#"[["Header", 0, [
                  ["Signature", 0, "String", {"length": 13}],
                  ["Count", 14, "uint32"],
                  ["Entries", 18, "Array", {"type": "Entry", "count": "x=>x.Count"}]]],
                ["Entry", "x=>x.Length + 4", [["Length", 0, "uint32b"]]]]"#,
            expect![[r#"
                Entry x=>x.Length + 4
                  Length @0 Int { bytes: 4, signed: false, big: true }
                Header 0
                  Signature @0 String(StringKind { length: Some(Fixed(13)), length_max: None, end: Fixed([0]), utf16: false })
                  Count @14 Int { bytes: 4, signed: false, big: false }
                  Entries @18 Array { of: Named("Entry"), count: Lambda("x=>x.Count"), count_max: 1000, sentinel: None }"#]],
        );
    }

    #[test]
    fn people_write_it_loosely() {
        check(
            "# a comment\n[ // another\n  [Header, 0x10, [\n    ['A', 1, uint8,],\n    [B, x=>x.A + 1, Value, {value: 'it''s'}], /* and one */\n  ]],\n]",
            expect![[r#"
                Header 16
                  A @1 Int { bytes: 1, signed: false, big: false }
                  B @x=>x.A + 1 Value(Constant(Text("it's")))"#]],
        );
    }

    #[test]
    fn a_field_that_makes_no_sense_does_not_spoil_the_rest() {
        check(
            r#"[["A", 0, [["F", 0, "Flags"],
                 ["S", 0, "String", {"lenght": 3}],
                 ["E", 0, "Enumeration", {"type": "uint8", "choices": 3}],
                 ["N", 1, "uint8"]]]]"#,
            expect![[r#"
                A 0
                  F @0 -
                  S @0 String(StringKind { length: None, length_max: None, end: Fixed([0]), utf16: false })
                  E @0 -
                  N @1 Int { bytes: 1, signed: false, big: false }
                profile, line 1, column 21: field F of struct A: Flags needs the option `type`
                profile, line 2, column 48: String has no option `lenght`; its options are encoding, term, term_hex, term_exp, length, max_length, byte_string
                profile, line 3, column 71: field E of struct A: option `choices` of Enumeration is a map, not a number"#]],
        );
    }

    #[test]
    fn a_text_that_is_no_profile_says_where() {
        check(
            "{}",
            expect![
                "profile, line 1, column 1: a profile is a list of structs, [[name, size, fields], …], and no map"
            ],
        );
        check(
            "[[\"A\", 0]]",
            expect![
                "profile, line 1, column 2: a struct is [name, size, [fields]]; here are 2 parts"
            ],
        );
        check(
            "[[\"A\", 0,\n [[\"x\", 1]]]]",
            expect![
                "profile, line 2, column 3: a field of struct A is [name, offset, type, options]"
            ],
        );
        check(
            "[[\"A\", 0, [",
            expect!["profile, line 1, column 11: the list has no end: `]` is missing"],
        );
        check(
            "[[\"A\" 0, []]]",
            expect!["profile, line 1, column 7: `0` where `,` or `]` should be"],
        );
        check(
            "[]]",
            expect![
                "profile, line 1, column 3: `]` after the end of the profile; is there a bracket too many?"
            ],
        );
        check(
            "[[\"A\", \"big\", []]]",
            expect![
                "profile, line 1, column 8: size of struct A: `big` is neither a number nor a lambda such as x=>x.Length"
            ],
        );
        check(
            &"[".repeat(100),
            expect!["profile, line 1, column 65: lists are nested deeper than 64"],
        );
        check(
            "[[\"\\q\"",
            expect![
                "profile, line 1, column 5: `\\q` is no escape; a backslash itself is written `\\\\`"
            ],
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\"',:a-z0-9x=>\\\\#/* \n-]{0,200}") {
            let _ = Profile::parse(&text);
        }

        #[test]
        fn no_options_panic(kind in "Array|String|Union|Pointer|Flags|BitField|Enumeration|Profile|Timestamp|Value",
                            options in "[\\[\\]{}\"',:a-z_0-9 -]{0,80}") {
            if let Ok(profile) = Profile::parse(&format!("[[A, 0, [[F, 0, {kind}, {{{options}}}]]]]")) {
                profile.lambdas();
            }
        }
    }
}
