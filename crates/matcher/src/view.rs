//! One column of one batch, as tests see it: each distinct value once.
//!
//! A row has a *slot*, or none where there is no value. Rows with equal texts or integers share a
//! slot as long as that saves anything, so that a test of `Image` looks at forty values, not at
//! eight thousand rows.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, types::*};
use arrow::datatypes::DataType;
use rows::{Dict, Text, Value};
use sigma::{Fields, parts};

/// The slot of rows without a value.
pub const NONE: u32 = u32::MAX;

/// One column of one batch.
pub struct View {
    /// By row.
    slots: Vec<u32>,
    /// Where each slot's value stands in `content`.
    places: Vec<u32>,
    content: Content,
    /// Rows share slots.
    repeats: bool,
    spread: OnceCell<Spread>,
    folded: OnceCell<Folded>,
}

enum Content {
    /// Texts, one for each place.
    Texts(ArrayRef),
    /// Any values; of arrays the elements count.
    Cells(ArrayRef),
    /// Values that were taken out of something, by row.
    Values(Vec<Value>),
    /// Whatever texts are anywhere inside.
    Deep(ArrayRef),
}

/// The values and texts of each slot of a column that is not simply texts.
struct Spread {
    values: Vec<Value>,
    texts: Vec<Text>,
    /// Where in `texts` each slot ends.
    ends: Vec<usize>,
}

/// The folded texts of all slots.
struct Folded {
    bytes: Vec<u8>,
    /// Where in `bytes` each text ends.
    texts: Vec<usize>,
    /// Where in `texts` each slot ends; nothing when each slot has one.
    ends: Option<Vec<usize>>,
}

impl View {
    /// The column that a name means, with the rules of [`Fields`] for dicts: its own name first,
    /// then a path. `None` when no row has it.
    pub fn of_field(batch: &RecordBatch, name: &str) -> Option<Self> {
        let schema = batch.schema();
        if let Ok(place) = schema.index_of(name) {
            return Some(Self::of(batch.column(place).clone()));
        }
        let (first, rest) = name.split_once('.')?;
        let column = batch.column(schema.index_of(first).ok()?);
        Self::of_path(column, rest)
    }

    fn of_path(column: &ArrayRef, path: &str) -> Option<Self> {
        let mut column = column.clone();
        let mut path = path;
        let mut missing: Vec<u32> = Vec::new();
        while let DataType::Struct(_) = column.data_type() {
            if let Some(nulls) = column.nulls() {
                let rows = (0..).zip(nulls.iter());
                missing.extend(rows.filter(|(_, there)| !there).map(|(row, _)| row));
            }
            let inside = column.as_struct();
            if let Some(found) = inside.column_by_name(path) {
                let mut view = Self::of(found.clone());
                for row in missing {
                    view.slots[row as usize] = NONE;
                }
                return Some(view);
            }
            let (first, rest) = path.split_once('.')?;
            column = inside.column_by_name(first)?.clone();
            path = rest;
        }
        // Maps, dictionaries of structs, unions: whatever their rows are.
        let mut values: Vec<Value> = (0..column.len())
            .map(|row| match rows_arrow::value(&column, row) {
                Value::Dict(dict) => dict.field(path).unwrap_or_default(),
                _ => Value::Null,
            })
            .collect();
        for row in missing {
            values[row as usize] = Value::Null;
        }
        let slots = (0..).zip(&values).map(|(row, value)| if value.is_null() { NONE } else { row });
        let slots: Vec<u32> = slots.collect();
        let places = (0..).take(values.len()).collect();
        Some(Self::with(slots, places, Content::Values(values), false))
    }

    fn with(slots: Vec<u32>, places: Vec<u32>, content: Content, repeats: bool) -> Self {
        Self { slots, places, content, repeats, spread: OnceCell::new(), folded: OnceCell::new() }
    }

    /// A column as a field.
    pub fn of(column: ArrayRef) -> Self {
        match column.data_type() {
            DataType::Utf8 => Self::of_texts(column.clone(), |row| {
                column.as_string::<i32>().value(row).as_bytes()
            }),
            DataType::LargeUtf8 => Self::of_texts(column.clone(), |row| {
                column.as_string::<i64>().value(row).as_bytes()
            }),
            DataType::Utf8View => {
                Self::of_texts(column.clone(), |row| column.as_string_view().value(row).as_bytes())
            }
            DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>();
                let (slots, places, repeats) = shared(&column, |row| numbers.value(row));
                Self::with(slots, places, Content::Cells(column.clone()), repeats)
            }
            DataType::Int32 => {
                let numbers = column.as_primitive::<Int32Type>();
                let (slots, places, repeats) = shared(&column, |row| numbers.value(row));
                Self::with(slots, places, Content::Cells(column.clone()), repeats)
            }
            DataType::Dictionary(_, _) => Self::of_dictionary(&column),
            DataType::Null => {
                Self::with(vec![NONE; column.len()], Vec::new(), Content::Cells(column), true)
            }
            _ => {
                let (slots, places) = apart(&column);
                Self::with(slots, places, Content::Cells(column), false)
            }
        }
    }

    /// A column as a place for texts anywhere in the record.
    pub fn deep(column: ArrayRef) -> Self {
        if column.data_type().is_nested() {
            let (slots, places) = apart(&column);
            return Self::with(slots, places, Content::Deep(column), false);
        }
        Self::of(column)
    }

    fn of_texts<'a>(column: ArrayRef, text: impl Fn(usize) -> &'a [u8]) -> Self {
        let (slots, places, repeats) = shared(&column, text);
        Self::with(slots, places, Content::Texts(column), repeats)
    }

    fn of_dictionary(column: &ArrayRef) -> Self {
        let dictionary = column.as_any_dictionary();
        let values = dictionary.values();
        if values.is_empty() {
            let slots = vec![NONE; column.len()];
            return Self::with(slots, Vec::new(), Content::Cells(values.clone()), true);
        }
        let keys = dictionary.normalized_keys();
        // A slot for each value that is used; dictionaries may be larger than batches.
        let mut of_value: Vec<u32> = vec![NONE; values.len()];
        let mut places: Vec<u32> = Vec::new();
        let nulls = dictionary.keys().nulls();
        let slot_of = |(row, key): (usize, usize)| {
            let missing = nulls.is_some_and(|nulls| nulls.is_null(row));
            if missing || key >= of_value.len() || values.is_null(key) {
                return NONE;
            }
            if of_value[key] == NONE {
                of_value[key] = u32::try_from(places.len()).unwrap_or(NONE);
                places.push(u32::try_from(key).unwrap_or(0));
            }
            of_value[key]
        };
        let slots: Vec<u32> = keys.into_iter().enumerate().map(slot_of).collect();
        let repeats = places.len() * 2 <= slots.len();
        let texts =
            matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let content =
            if texts { Content::Texts(values.clone()) } else { Content::Cells(values.clone()) };
        Self::with(slots, places, content, repeats)
    }

    /// The slot of a row.
    pub fn slot(&self, row: u32) -> u32 {
        self.slots[row as usize]
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no row has a value.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether rows share slots, so that it pays to remember what was found out about one.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    fn place(&self, slot: u32) -> usize {
        self.places[slot as usize] as usize
    }

    /// Whether any text of a slot is wanted.
    pub fn any_text(&self, slot: u32, mut wanted: impl FnMut(&[u8]) -> bool) -> bool {
        if let Content::Texts(array) = &self.content {
            return wanted(text_at(array, self.place(slot)));
        }
        self.texts(slot).iter().any(|text| wanted(text))
    }

    /// Whether any folded text of a slot is wanted.
    pub fn any_folded(&self, slot: u32, mut wanted: impl FnMut(&[u8]) -> bool) -> bool {
        let folded = self.folded.get_or_init(|| self.fold());
        let slot = slot as usize;
        let texts = match &folded.ends {
            None => slot..slot + 1,
            Some(ends) => slot.checked_sub(1).map_or(0, |before| ends[before])..ends[slot],
        };
        texts.into_iter().any(|text| {
            let start = text.checked_sub(1).map_or(0, |before| folded.texts[before]);
            wanted(&folded.bytes[start..folded.texts[text]])
        })
    }

    fn fold(&self) -> Folded {
        let mut bytes = Vec::new();
        let mut texts = Vec::with_capacity(self.len());
        if let Content::Texts(array) = &self.content {
            for place in &self.places {
                parts::fold_into(text_at(array, *place as usize), &mut bytes);
                texts.push(bytes.len());
            }
            return Folded { bytes, texts, ends: None };
        }
        let spread = self.spread();
        for text in &spread.texts {
            parts::fold_into(text, &mut bytes);
            texts.push(bytes.len());
        }
        Folded { bytes, texts, ends: Some(spread.ends.clone()) }
    }

    /// The texts of a slot; of a column of texts nothing, see [`View::any_text`].
    fn texts(&self, slot: u32) -> &[Text] {
        let spread = self.spread();
        &spread.texts[spread.range(slot)]
    }

    /// The texts of a slot.
    pub fn texts_of(&self, slot: u32) -> Vec<Text> {
        match &self.content {
            Content::Texts(array) => vec![Text::from(text_at(array, self.place(slot)))],
            _ => self.texts(slot).to_vec(),
        }
    }

    /// Hands over the values of a slot: not NULL, of an array its elements.
    pub fn with_values<T>(&self, slot: u32, see: impl FnOnce(&[Value]) -> T) -> T {
        match &self.content {
            Content::Texts(array) => see(&[Value::text(text_at(array, self.place(slot)))]),
            Content::Cells(array) if !array.data_type().is_nested() => {
                match rows_arrow::value(array, self.place(slot)) {
                    Value::Null => see(&[]),
                    value => see(&[value]),
                }
            }
            _ => {
                let spread = self.spread();
                see(&spread.values[spread.range(slot)])
            }
        }
    }

    fn spread(&self) -> &Spread {
        self.spread.get_or_init(|| {
            let mut spread = Spread {
                values: Vec::new(),
                texts: Vec::new(),
                ends: Vec::with_capacity(self.len()),
            };
            for place in &self.places {
                spread.add(&self.content, *place as usize);
                spread.ends.push(spread.texts.len());
            }
            spread
        })
    }
}

impl Spread {
    fn range(&self, slot: u32) -> std::ops::Range<usize> {
        let slot = slot as usize;
        slot.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[slot]
    }

    fn add(&mut self, content: &Content, place: usize) {
        let value = match content {
            Content::Texts(array) | Content::Cells(array) => rows_arrow::value(array, place),
            Content::Values(values) => values[place].clone(),
            Content::Deep(array) => {
                let record = Dict::new().with("", rows_arrow::value(array, place));
                // Only texts are asked of such a view.
                record.each_text(&mut |text| self.texts.push(Text::from(text)));
                self.values.resize(self.texts.len(), Value::Null);
                return;
            }
        };
        let mut push = |value: &Value| {
            if !value.is_null() {
                self.texts.push(value.to_text());
                self.values.push(value.clone());
            }
        };
        match &value {
            Value::Array(values) => values.iter().for_each(push),
            other => push(other),
        }
    }
}

/// A slot for each row that has a value.
fn apart(column: &ArrayRef) -> (Vec<u32>, Vec<u32>) {
    let mut places = Vec::with_capacity(column.len());
    let slot = |row: u32| {
        if column.is_null(row as usize) {
            return NONE;
        }
        places.push(row);
        u32::try_from(places.len() - 1).unwrap_or(NONE)
    };
    let slots = (0..u32::try_from(column.len()).unwrap_or(NONE)).map(slot).collect();
    (slots, places)
}

/// After so many rows it is decided whether sharing pays.
const TRIED: usize = 512;

/// A slot for each distinct value, as long as values repeat.
fn shared<K: Eq + std::hash::Hash>(
    column: &ArrayRef,
    key: impl Fn(usize) -> K,
) -> (Vec<u32>, Vec<u32>, bool) {
    let hashing = Hashing(RandomState::new().hash_one(0));
    let mut known: HashMap<K, u32, Hashing> = HashMap::with_hasher(hashing);
    let mut slots = Vec::with_capacity(column.len());
    let mut places: Vec<u32> = Vec::new();
    let mut sharing = true;
    for row in 0..column.len() {
        if column.is_null(row) {
            slots.push(NONE);
            continue;
        }
        let next = u32::try_from(places.len()).unwrap_or(NONE);
        if row % TRIED == 0 && row > 0 {
            sharing &= places.len() * 2 <= row;
        }
        let slot = if sharing { *known.entry(key(row)).or_insert(next) } else { next };
        if slot == next {
            places.push(u32::try_from(row).unwrap_or(NONE));
        }
        slots.push(slot);
    }
    let repeats = places.len() * 2 <= slots.len();
    (slots, places, repeats)
}

/// Hashes short texts quickly. Values come from evidence, so the start is random, and a batch is
/// too small for anybody to gain much.
#[derive(Clone)]
struct Hashing(u64);

struct Hash(u64);

impl BuildHasher for Hashing {
    type Hasher = Hash;

    fn build_hasher(&self) -> Hash {
        Hash(self.0)
    }
}

impl std::hash::Hasher for Hash {
    fn write(&mut self, bytes: &[u8]) {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |hash: u64, word: u64| {
            let product = u128::from(hash ^ word) * u128::from(FACTOR);
            (product as u64) ^ ((product >> 64) as u64)
        };
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.0 = mix(self.0.rotate_left(5), u64::from_le_bytes(word));
        }
        let rest = chunks.remainder().iter().fold(1, |word, byte| word << 8 | u64::from(*byte));
        self.0 = mix(self.0.rotate_left(5), rest);
    }

    fn write_u8(&mut self, _end_of_text: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[inline]
fn text_at(array: &ArrayRef, place: usize) -> &[u8] {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(place).as_bytes(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(place).as_bytes(),
        _ => array.as_string_view().value(place).as_bytes(),
    }
}
