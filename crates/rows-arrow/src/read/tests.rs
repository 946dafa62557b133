//! Cells of every type of Arrow as values.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Field, Fields};
use expect_test::{Expect, expect};

use super::*;

fn check(array: impl Array + 'static, expected: &Expect) {
    let array: ArrayRef = Arc::new(array);
    let field = Field::new("c", array.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
    let mut shown = String::new();
    for row in Cells::of(&batch).unwrap().rows() {
        let value = row.get("c").unwrap().clone();
        shown.push_str(&format!("{} {value}\n", value.type_name()));
    }
    expected.assert_eq(&shown);
}

#[test]
fn numbers_keep_their_value() {
    check(
        Int8Array::from(vec![Some(-3), None]),
        &expect![[r#"
        int64 -3
        Null Null
    "#]],
    );
    check(
        UInt64Array::from(vec![7, u64::MAX]),
        &expect![[r#"
        int64 7
        string 18446744073709551615
    "#]],
    );
    check(
        Float32Array::from(vec![0.5]),
        &expect![[r#"
        float64 0.5
    "#]],
    );
    let decimal = |digits: i128, scale| {
        Decimal128Array::from(vec![digits]).with_precision_and_scale(38, scale).unwrap()
    };
    check(
        decimal(1234, 2),
        &expect![[r#"
        float64 12.34
    "#]],
    );
    check(
        decimal(1234, 0),
        &expect![[r#"
        int64 1234
    "#]],
    );
    check(
        decimal(123_456_789_012_345_678, 2),
        &expect![[r#"
        string 1234567890123456.78
    "#]],
    );
}

#[test]
fn moments_are_floored_to_microseconds_and_utc() {
    let nanos = TimestampNanosecondArray::from(vec![1_999, -1, 0]);
    check(
        nanos,
        &expect![[r#"
        time.Time 1970-01-01T00:00:00.000001Z
        time.Time 1969-12-31T23:59:59.999999Z
        time.Time 1970-01-01T00:00:00Z
    "#]],
    );
    let zoned = TimestampMillisecondArray::from(vec![1_700_000_000_123]).with_timezone("+05:00");
    check(
        zoned,
        &expect![[r#"
        time.Time 2023-11-14T22:13:20.123Z
    "#]],
    );
    check(
        TimestampSecondArray::from(vec![1_700_000_000, i64::MAX]),
        &expect![[r#"
            time.Time 2023-11-14T22:13:20Z
            time.Time 9999-12-30T22:00:00.999999999Z
        "#]],
    );
    check(
        Date32Array::from(vec![-1, 19_675]),
        &expect![[r#"
        time.Time 1969-12-31T00:00:00Z
        time.Time 2023-11-14T00:00:00Z
    "#]],
    );
    check(
        Date64Array::from(vec![1_500]),
        &expect![[r#"
        time.Time 1970-01-01T00:00:01.5Z
    "#]],
    );
    check(
        Time64MicrosecondArray::from(vec![3_600_000_001]),
        &expect![[r#"
        string 01:00:00.000001
    "#]],
    );
}

#[test]
fn texts_of_all_kinds_are_texts() {
    let expected = &expect![[r#"
        string ä
        Null Null
        string 
    "#]];
    let texts = vec![Some("ä"), None, Some("")];
    check(StringArray::from(texts.clone()), expected);
    check(LargeStringArray::from(texts.clone()), expected);
    check(StringViewArray::from(texts.clone()), expected);
    check(texts.into_iter().collect::<DictionaryArray<UInt8Type>>(), expected);
    let bytes: Vec<Option<&[u8]>> = vec![Some("ä".as_bytes()), None, Some(b"")];
    check(BinaryArray::from(bytes.clone()), expected);
    check(BinaryViewArray::from(bytes), expected);
}

#[test]
fn a_dictionary_may_hold_null() {
    let values = StringArray::from(vec![Some("a"), None]);
    let dictionary = DictionaryArray::new(Int32Array::from(vec![1, 0]), Arc::new(values));
    check(
        dictionary,
        &expect![[r#"
        Null Null
        string a
    "#]],
    );
    let ends = Int32Array::from(vec![2, 3]);
    let runs = RunArray::try_new(&ends, &StringArray::from(vec![Some("x"), None])).unwrap();
    check(
        runs.slice(1, 2),
        &expect![[r#"
        string x
        Null Null
    "#]],
    );
}

#[test]
fn nested_values() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    check(
        list.slice(0, 3),
        &expect![[r#"
        []interface {} [1 Null]
        Null Null
        []interface {} []
    "#]],
    );
    let inner: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let fields = Fields::from(vec![Field::new("a", DataType::Utf8, true)]);
    let nulls = NullBuffer::from(vec![true, false]);
    check(
        StructArray::new(fields, vec![inner], Some(nulls)),
        &expect![[r#"
        *ordereddict.Dict {"a":"x"}
        Null Null
    "#]],
    );
    let keys = StringArray::from(vec!["k", "l"]);
    let entries = StructArray::from(vec![
        (Arc::new(Field::new("keys", DataType::Utf8, false)), Arc::new(keys) as ArrayRef),
        (
            Arc::new(Field::new("values", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef,
        ),
    ]);
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 2]));
    check(
        MapArray::new(field, offsets, entries, None, false),
        &expect![[r#"
        *ordereddict.Dict {"k":1,"l":null}
    "#]],
    );
}

#[test]
fn a_type_that_is_nested_too_deep_is_refused() {
    let mut data_type = DataType::Utf8;
    for _ in 0..DEPTH_MAX {
        data_type = DataType::List(Arc::new(Field::new("item", data_type, true)));
    }
    let schema = Schema::new(vec![Field::new("deep", data_type, true)]);
    let refused = check_depth(&schema).unwrap_err();
    expect!["the type of column `deep` is nested deeper than 64; flatten it"]
        .assert_eq(&refused.to_string());
}
