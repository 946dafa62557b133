//! Predicates of rules as conditions of each dialect.

use expect_test::{Expect, expect};
use sigma::read_rules;
use sql_text::{Dialect, TableColumns, condition};

/// The table that is asked: a text, numbers, a truth value, moments, an array.
fn columns(dialect: Dialect) -> TableColumns {
    let (text, int, float, bool, time, list) = match dialect {
        Dialect::OpenSearch => ("keyword", "long", "double", "boolean", "date", "nested"),
        _ => ("varchar", "bigint", "double", "boolean", "timestamp", "array(varchar)"),
    };
    let described =
        [("F", text), ("G", text), ("N", int), ("R", float), ("B", bool), ("T", time), ("L", list)]
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    TableColumns::new(dialect, &described, &[("Image".to_owned(), "F".to_owned())])
}

fn shown(detection: &str, dialect: Dialect) -> String {
    let indented: String = detection.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("title: T\nlogsource: {{product: p}}\ndetection:\n{indented}");
    let file = read_rules("rule.yml", &text);
    assert!(file.problems.is_empty(), "{:?}", file.problems);
    match condition(&file.rules[0].conditions[0], dialect, &columns(dialect)) {
        Ok(text) => text,
        Err(why) => format!("refused: {why}"),
    }
}

/// A detection in every dialect.
fn check(detection: &str, wanted: Expect) {
    let each = Dialect::ALL.map(|one| format!("{}: {}", one.name(), shown(detection, one)));
    wanted.assert_eq(&each.join("\n"));
}

fn one(field: &str, wanted: Expect) {
    check(&format!("s:\n  {field}\ncondition: s"), wanted);
}

#[test]
fn texts() {
    one(
        "F: Whoami",
        expect![[r#"
            DataFusion: (lower("F") = 'whoami')
            SQLite: (lycaon_fold(`F`) = 'whoami' COLLATE BINARY)
            PostgreSQL: (lower("F") = 'whoami')
            ClickHouse: (lowerUTF8(`F`) = 'whoami')
            Spark: (lower(`F`) = 'whoami')
            Trino: (lower("F") = 'whoami')
            Flight SQL: (lower("F") = 'whoami')
            OpenSearch: {"term":{"F":{"value":"Whoami","case_insensitive":true}}}"#]],
    );
    one(
        r"Image|endswith: '\a_b%'",
        expect![[r#"
            DataFusion: (lower("F") LIKE '%\\a\_b\%')
            SQLite: lycaon_ends(lycaon_fold(`F`), '\a_b%')
            PostgreSQL: (lower("F") LIKE E'%\\\\a\\_b\\%')
            ClickHouse: (lowerUTF8(`F`) LIKE '%\\\\a\\_b\\%')
            Spark: (lower(`F`) LIKE '%\\\\a\\_b\\%')
            Trino: (lower("F") LIKE '%\\a\_b\%' ESCAPE '\')
            Flight SQL: (lower("F") LIKE '%\\a\_b\%' ESCAPE '\')
            OpenSearch: {"wildcard":{"F":{"value":"*\\\\a_b%","case_insensitive":true}}}"#]],
    );
    one(
        "F|contains|cased: \"it's\"",
        expect![[r#"
            DataFusion: ("F" LIKE '%it''s%')
            SQLite: (instr(lycaon_text(`F`), 'it''s') > 0)
            PostgreSQL: ("F" LIKE '%it''s%')
            ClickHouse: (`F` LIKE '%it\'s%')
            Spark: (`F` LIKE '%it\'s%')
            Trino: ("F" LIKE '%it''s%')
            Flight SQL: ("F" LIKE '%it''s%')
            OpenSearch: {"wildcard":{"F":{"value":"*it's*"}}}"#]],
    );
    one(
        "F: 'a?c*'",
        expect![[r#"
            DataFusion: (lower("F") LIKE 'a_c%')
            SQLite: (lycaon_fold(`F`) REGEXP '(?s)\Aa.c.*\z')
            PostgreSQL: (lower("F") LIKE 'a_c%')
            ClickHouse: (lowerUTF8(`F`) LIKE 'a_c%')
            Spark: (lower(`F`) LIKE 'a_c%')
            Trino: (lower("F") LIKE 'a_c%')
            Flight SQL: (lower("F") LIKE 'a_c%')
            OpenSearch: {"wildcard":{"F":{"value":"a?c*","case_insensitive":true}}}"#]],
    );
    one(
        "F|startswith: ÄR",
        expect![[r#"
            DataFusion: (lower("F") LIKE 'är%')
            SQLite: (instr(lycaon_fold(`F`), 'är') = 1)
            PostgreSQL: (lower("F" COLLATE "und-x-icu") LIKE 'är%')
            ClickHouse: (lowerUTF8(`F`) LIKE 'är%')
            Spark: (lower(`F`) LIKE 'är%')
            Trino: (lower("F") LIKE 'är%')
            Flight SQL: (lower("F") LIKE 'är%')
            OpenSearch: refused: OpenSearch cannot ask this of the column `F`: case is ignored in ASCII only there; use `cased`"#]],
    );
}

#[test]
fn numbers_and_truth() {
    one(
        "N: 4688",
        expect![[r#"
            DataFusion: ("N" = 4688)
            SQLite: (lycaon_number(`N`) = 4688)
            PostgreSQL: ("N" = 4688)
            ClickHouse: (`N` = 4688)
            Spark: (`N` = 4688)
            Trino: ("N" = 4688)
            Flight SQL: ("N" = 4688)
            OpenSearch: {"term":{"N":{"value":4688}}}"#]],
    );
    one(
        "F|gte: -2.5",
        expect![[r#"
            DataFusion: (CASE WHEN (TRIM("F") ~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$') THEN TRY_CAST(TRIM("F") AS DOUBLE) >= (-2.5e0) ELSE 1 = 0 END)
            SQLite: (lycaon_number(`F`) >= (-2.5e0))
            PostgreSQL: (CASE WHEN (TRIM("F") ~ E'^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,2})?$') THEN CAST(TRIM("F") AS NUMERIC) >= (-2.5e0) ELSE 1 = 0 END)
            ClickHouse: (CASE WHEN match(trimBoth(`F`), '^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,2})?$') THEN toFloat64OrNull(trimBoth(`F`)) >= (-2.5e0) ELSE 1 = 0 END)
            Spark: (CASE WHEN (TRIM(`F`) RLIKE '^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,2})?$') THEN TRY_CAST(TRIM(`F`) AS DOUBLE) >= (-2.5e0) ELSE 1 = 0 END)
            Trino: (CASE WHEN regexp_like(TRIM("F"), '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$') THEN TRY_CAST(TRIM("F") AS DOUBLE) >= (-2.5e0) ELSE 1 = 0 END)
            Flight SQL: refused: Flight SQL cannot ask this of the column `F`: texts are not read as numbers
            OpenSearch: refused: OpenSearch cannot ask this of the column `F`: it holds texts, which are not read as numbers; put the number in quotes"#]],
    );
    one(
        "R|lt: 3",
        expect![[r#"
            DataFusion: (NULLIF("R", CAST('NaN' AS DOUBLE)) < 3)
            SQLite: (lycaon_number(`R`) < 3)
            PostgreSQL: (NULLIF("R", 'NaN') < 3)
            ClickHouse: (`R` < 3)
            Spark: (NULLIF(`R`, CAST('NaN' AS DOUBLE)) < 3)
            Trino: ("R" < 3)
            Flight SQL: ("R" < 3)
            OpenSearch: {"range":{"R":{"lt":3}}}"#]],
    );
    one(
        "B: true",
        expect![[r#"
            DataFusion: ("B" = TRUE)
            SQLite: (lower(lycaon_text(`B`)) = 'true')
            PostgreSQL: ("B" = TRUE)
            ClickHouse: (`B` = TRUE)
            Spark: (`B` = TRUE)
            Trino: ("B" = TRUE)
            Flight SQL: ("B" = TRUE)
            OpenSearch: {"term":{"B":{"value":true}}}"#]],
    );
    one(
        "N|contains: '46'",
        expect![[r#"
            DataFusion: (CAST("N" AS VARCHAR) LIKE '%46%')
            SQLite: (instr(lycaon_fold(`N`), '46') > 0)
            PostgreSQL: (CAST("N" AS TEXT) LIKE '%46%')
            ClickHouse: (toString(`N`) LIKE '%46%')
            Spark: (CAST(`N` AS STRING) LIKE '%46%')
            Trino: (CAST("N" AS VARCHAR) LIKE '%46%')
            Flight SQL: (CAST("N" AS VARCHAR) LIKE '%46%')
            OpenSearch: refused: OpenSearch cannot ask this of the column `N`: it holds no texts"#]],
    );
}

#[test]
fn networks_and_expressions() {
    one(
        "F|cidr: 10.0.0.0/9",
        expect![[r#"
            DataFusion: (lower(TRIM("F")) ~ '^(::ffff:)?10\.(0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30|31|32|33|34|35|36|37|38|39|40|41|42|43|44|45|46|47|48|49|50|51|52|53|54|55|56|57|58|59|60|61|62|63|64|65|66|67|68|69|70|71|72|73|74|75|76|77|78|79|80|81|82|83|84|85|86|87|88|89|90|91|92|93|94|95|96|97|98|99|100|101|102|103|104|105|106|107|108|109|110|111|112|113|114|115|116|117|118|119|120|121|122|123|124|125|126|127)\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')
            SQLite: lycaon_in_network(`F`, '10.0.0.0/9')
            PostgreSQL: (lower(TRIM("F")) ~ E'^(::ffff:)?10\\.(0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30|31|32|33|34|35|36|37|38|39|40|41|42|43|44|45|46|47|48|49|50|51|52|53|54|55|56|57|58|59|60|61|62|63|64|65|66|67|68|69|70|71|72|73|74|75|76|77|78|79|80|81|82|83|84|85|86|87|88|89|90|91|92|93|94|95|96|97|98|99|100|101|102|103|104|105|106|107|108|109|110|111|112|113|114|115|116|117|118|119|120|121|122|123|124|125|126|127)\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')
            ClickHouse: match(lower(trimBoth(`F`)), '^(::ffff:)?10\\.(0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30|31|32|33|34|35|36|37|38|39|40|41|42|43|44|45|46|47|48|49|50|51|52|53|54|55|56|57|58|59|60|61|62|63|64|65|66|67|68|69|70|71|72|73|74|75|76|77|78|79|80|81|82|83|84|85|86|87|88|89|90|91|92|93|94|95|96|97|98|99|100|101|102|103|104|105|106|107|108|109|110|111|112|113|114|115|116|117|118|119|120|121|122|123|124|125|126|127)\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')
            Spark: (lower(TRIM(`F`)) RLIKE '^(::ffff:)?10\\.(0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30|31|32|33|34|35|36|37|38|39|40|41|42|43|44|45|46|47|48|49|50|51|52|53|54|55|56|57|58|59|60|61|62|63|64|65|66|67|68|69|70|71|72|73|74|75|76|77|78|79|80|81|82|83|84|85|86|87|88|89|90|91|92|93|94|95|96|97|98|99|100|101|102|103|104|105|106|107|108|109|110|111|112|113|114|115|116|117|118|119|120|121|122|123|124|125|126|127)\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')
            Trino: contains('10.0.0.0/9', TRY_CAST("F" AS IPADDRESS))
            Flight SQL: refused: Flight SQL cannot ask this of the column `F`: it knows no networks
            OpenSearch: refused: OpenSearch cannot ask this of the column `F`: networks need a field of type `ip`"#]],
    );
    one(
        "F|cidr: fe80::/10",
        expect![[r#"
            DataFusion: refused: DataFusion cannot ask this of the column `F`: it knows no networks of IPv6
            SQLite: lycaon_in_network(`F`, 'fe80::/10')
            PostgreSQL: (CASE WHEN (lower(TRIM("F")) ~ '^(([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,6})?|([0-9a-f]{1,4}:){0}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,5})?|([0-9a-f]{1,4}:){1}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,4})?|([0-9a-f]{1,4}:){2}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,3})?|([0-9a-f]{1,4}:){3}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,2})?|([0-9a-f]{1,4}:){4}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,1})?|([0-9a-f]{1,4}:){5}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,0})?|([0-9a-f]{1,4}:){6}[0-9a-f]{1,4}::)$') THEN CAST(lower(TRIM("F")) AS inet) <<= CAST('fe80::/10' AS inet) ELSE 1 = 0 END)
            ClickHouse: (CASE WHEN match(lower(trimBoth(`F`)), '^(([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,6})?|([0-9a-f]{1,4}:){0}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,5})?|([0-9a-f]{1,4}:){1}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,4})?|([0-9a-f]{1,4}:){2}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,3})?|([0-9a-f]{1,4}:){3}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,2})?|([0-9a-f]{1,4}:){4}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,1})?|([0-9a-f]{1,4}:){5}[0-9a-f]{1,4}::([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,0})?|([0-9a-f]{1,4}:){6}[0-9a-f]{1,4}::)$') THEN isIPAddressInRange(lower(trimBoth(`F`)), 'fe80::/10') ELSE 1 = 0 END)
            Spark: refused: Spark cannot ask this of the column `F`: it knows no networks of IPv6
            Trino: contains('fe80::/10', TRY_CAST("F" AS IPADDRESS))
            Flight SQL: refused: Flight SQL cannot ask this of the column `F`: it knows no networks
            OpenSearch: refused: OpenSearch cannot ask this of the column `F`: networks need a field of type `ip`"#]],
    );
    one(
        "F|re|i: '^a.c$'",
        expect![[r#"
            DataFusion: ("F" ~ '(?i)^a.c$')
            SQLite: (lycaon_text(`F`) REGEXP '(?i)^a.c$')
            PostgreSQL: ("F" ~ E'(?i)\\Aa[^\\n]c\\Z')
            ClickHouse: match(`F`, '(?i)\\Aa[^\\n]c\\z')
            Spark: (`F` RLIKE '(?i)\\Aa[^\\n]c\\z')
            Trino: regexp_like("F", '(?i)\Aa[^\n]c\z')
            Flight SQL: refused: Flight SQL cannot ask this of the column `F`: there are no regular expressions in its core
            OpenSearch: refused: OpenSearch cannot ask this of the column `F`: regular expressions there always mean the whole text"#]],
    );
}

#[test]
fn absence_other_fields_and_times() {
    one(
        "F|exists: true",
        expect![[r#"
            DataFusion: ("F" IS NOT NULL)
            SQLite: (`F` IS NOT NULL)
            PostgreSQL: ("F" IS NOT NULL)
            ClickHouse: (`F` IS NOT NULL)
            Spark: (`F` IS NOT NULL)
            Trino: ("F" IS NOT NULL)
            Flight SQL: ("F" IS NOT NULL)
            OpenSearch: {"exists":{"field":"F"}}"#]],
    );
    one(
        "F: null",
        expect![[r#"
            DataFusion: ("F" IS NULL)
            SQLite: (`F` IS NULL)
            PostgreSQL: ("F" IS NULL)
            ClickHouse: (`F` IS NULL)
            Spark: (`F` IS NULL)
            Trino: ("F" IS NULL)
            Flight SQL: ("F" IS NULL)
            OpenSearch: {"bool":{"must_not":[{"exists":{"field":"F"}}]}}"#]],
    );
    one(
        "F|fieldref|endswith: G",
        expect![[r#"
            DataFusion: ends_with(lower("F"), lower("G"))
            SQLite: lycaon_ends(lycaon_fold(`F`), lycaon_fold(`G`))
            PostgreSQL: (right(lower("F"), length(lower("G"))) = lower("G"))
            ClickHouse: endsWith(lowerUTF8(`F`), lowerUTF8(`G`))
            Spark: endswith(lower(`F`), lower(`G`))
            Trino: starts_with(reverse(lower("F")), reverse(lower("G")))
            Flight SQL: refused: Flight SQL cannot ask this of the column `F`: the ends of two columns are not compared
            OpenSearch: refused: OpenSearch cannot ask this of the column `F`: two fields are not compared"#]],
    );
    one(
        "T|hour: 3",
        expect![[r#"
            DataFusion: (date_part('hour', "T") = 3)
            SQLite: (lycaon_time_part(`T`, 'hour') = 3)
            PostgreSQL: (EXTRACT(hour FROM "T") = 3)
            ClickHouse: (toHour(`T`, 'UTC') = 3)
            Spark: (hour(`T`) = 3)
            Trino: (hour("T") = 3)
            Flight SQL: (EXTRACT(hour FROM "T") = 3)
            OpenSearch: refused: OpenSearch cannot ask this of the column `T`: a moment has no parts"#]],
    );
}

#[test]
fn combinations() {
    check(
        "a:\n  F: x\nb:\n  G: y\nc:\n  N: 1\ncondition: a and not (b or c)",
        expect![[r#"
            DataFusion: ((lower("F") = 'x') AND (NOT (COALESCE((lower("G") = 'y'), 1 = 0) OR COALESCE(("N" = 1), 1 = 0))))
            SQLite: ((lycaon_fold(`F`) = 'x' COLLATE BINARY) AND (NOT (COALESCE((lycaon_fold(`G`) = 'y' COLLATE BINARY), 1 = 0) OR COALESCE((lycaon_number(`N`) = 1), 1 = 0))))
            PostgreSQL: ((lower("F") = 'x') AND (NOT (COALESCE((lower("G") = 'y'), 1 = 0) OR COALESCE(("N" = 1), 1 = 0))))
            ClickHouse: ((lowerUTF8(`F`) = 'x') AND (NOT (COALESCE((lowerUTF8(`G`) = 'y'), 1 = 0) OR COALESCE((`N` = 1), 1 = 0))))
            Spark: ((lower(`F`) = 'x') AND (NOT (COALESCE((lower(`G`) = 'y'), 1 = 0) OR COALESCE((`N` = 1), 1 = 0))))
            Trino: ((lower("F") = 'x') AND (NOT (COALESCE((lower("G") = 'y'), 1 = 0) OR COALESCE(("N" = 1), 1 = 0))))
            Flight SQL: ((lower("F") = 'x') AND (NOT (COALESCE((lower("G") = 'y'), 1 = 0) OR COALESCE(("N" = 1), 1 = 0))))
            OpenSearch: {"bool":{"filter":[{"term":{"F":{"value":"x","case_insensitive":true}}},{"bool":{"must_not":[{"bool":{"should":[{"term":{"G":{"value":"y","case_insensitive":true}}},{"term":{"N":{"value":1}}}],"minimum_should_match":1}}]}}]}}"#]],
    );
    check(
        "a:\n  F: x\nb:\n  G: y\nc:\n  N: 1\ncondition: 2 of them",
        expect![[r#"
            DataFusion: (((CASE WHEN (lower("F") = 'x') THEN 1 ELSE 0 END) + (CASE WHEN (lower("G") = 'y') THEN 1 ELSE 0 END) + (CASE WHEN ("N" = 1) THEN 1 ELSE 0 END)) >= 2)
            SQLite: (((CASE WHEN (lycaon_fold(`F`) = 'x' COLLATE BINARY) THEN 1 ELSE 0 END) + (CASE WHEN (lycaon_fold(`G`) = 'y' COLLATE BINARY) THEN 1 ELSE 0 END) + (CASE WHEN (lycaon_number(`N`) = 1) THEN 1 ELSE 0 END)) >= 2)
            PostgreSQL: (((CASE WHEN (lower("F") = 'x') THEN 1 ELSE 0 END) + (CASE WHEN (lower("G") = 'y') THEN 1 ELSE 0 END) + (CASE WHEN ("N" = 1) THEN 1 ELSE 0 END)) >= 2)
            ClickHouse: (((CASE WHEN (lowerUTF8(`F`) = 'x') THEN 1 ELSE 0 END) + (CASE WHEN (lowerUTF8(`G`) = 'y') THEN 1 ELSE 0 END) + (CASE WHEN (`N` = 1) THEN 1 ELSE 0 END)) >= 2)
            Spark: (((CASE WHEN (lower(`F`) = 'x') THEN 1 ELSE 0 END) + (CASE WHEN (lower(`G`) = 'y') THEN 1 ELSE 0 END) + (CASE WHEN (`N` = 1) THEN 1 ELSE 0 END)) >= 2)
            Trino: (((CASE WHEN (lower("F") = 'x') THEN 1 ELSE 0 END) + (CASE WHEN (lower("G") = 'y') THEN 1 ELSE 0 END) + (CASE WHEN ("N" = 1) THEN 1 ELSE 0 END)) >= 2)
            Flight SQL: (((CASE WHEN (lower("F") = 'x') THEN 1 ELSE 0 END) + (CASE WHEN (lower("G") = 'y') THEN 1 ELSE 0 END) + (CASE WHEN ("N" = 1) THEN 1 ELSE 0 END)) >= 2)
            OpenSearch: {"bool":{"should":[{"term":{"F":{"value":"x","case_insensitive":true}}},{"term":{"G":{"value":"y","case_insensitive":true}}},{"term":{"N":{"value":1}}}],"minimum_should_match":2}}"#]],
    );
}

#[test]
fn what_an_engine_cannot_say_is_refused() {
    let on =
        |detection: &str, dialect, wanted: Expect| wanted.assert_eq(&shown(detection, dialect));
    on(
        "s:\n  Gone: 1\ncondition: s",
        Dialect::Postgres,
        expect![
            "refused: there is no column for the field `Gone`; map it under `columns` of the dataset"
        ],
    );
    on(
        "s:\n  L: x\ncondition: s",
        Dialect::Postgres,
        expect!["refused: PostgreSQL cannot ask this of the column `L`: it holds no single values"],
    );
    on(
        "s:\n  F: Οδός\ncondition: s",
        Dialect::DataFusion,
        expect![
            "refused: DataFusion cannot ask this of the column `F`: what sigma is in lower case depends on its neighbours there; use `cased`"
        ],
    );
    on(
        "s:\n  F|wide: x\ncondition: s",
        Dialect::DataFusion,
        expect![
            "refused: DataFusion cannot hold the character NUL in a text; write the text without it"
        ],
    );
    on(
        "s:\n  F|re: '(?<x>a)\\p{Greek}'\ncondition: s",
        Dialect::Trino,
        expect![[
            r#"refused: Trino cannot ask this of the column `F`: regular expressions there do not know classes like `\p{…}`"#
        ]],
    );
    on(
        "s:\n  F: ä\ncondition: s",
        Dialect::OpenSearch,
        expect![
            "refused: OpenSearch cannot ask this of the column `F`: case is ignored in ASCII only there; use `cased`"
        ],
    );
}
