//! What the language itself costs: rows that are made up, filtered, computed, grouped and sorted.

use super::{Benchmark, Work};

const MILLION: u64 = 1_000_000;

const fn rows(name: &'static str, rows: u64, query: &'static str) -> Benchmark {
    Benchmark { name, needs: &[], work: Work::Rows(rows), query }
}

/// The benchmarks of the language.
pub(super) const TABLE: &[Benchmark] = &[
    rows(
        "range_filter_project",
        5 * MILLION,
        "SELECT _value AS N, _value * 2 AS Twice FROM range(end={rows}) WHERE _value > 100 AND _value < 4000000",
    ),
    rows(
        "range_count",
        5 * MILLION,
        "SELECT count() AS N FROM range(end={rows}) GROUP BY 1",
    ),
    rows(
        "string_filter",
        2 * MILLION,
        r#"LET Names <= ("alpha", "beta", "gamma")
           SELECT "process" + ".exe" + Names[_value] AS Name FROM range(end={rows})
           WHERE Name = "process.exebeta" OR Name IN ("process.exegamma", "x", "y")"#,
    ),
    rows(
        "regex_filter",
        2 * MILLION,
        r#"LET Names <= ("C:\\Windows\\System32\\svchost.exe -k netsvcs", "/usr/sbin/sshd -D", "C:\\Users\\me\\AppData\\Local\\Temp\\a.exe")
           SELECT Names[_value] AS CommandLine FROM range(end={rows}) WHERE CommandLine =~ "appdata.+temp.+\\.exe$""#,
    ),
    rows(
        "group_by_1",
        2 * MILLION,
        "SELECT count() AS N, sum(item=_value) AS Sum FROM range(end={rows}) GROUP BY 1",
    ),
    rows(
        "group_by_1000",
        2 * MILLION,
        "SELECT int(int=_value / 2000) AS Key, count() AS N FROM range(end={rows}) GROUP BY Key",
    ),
    rows(
        "group_by_1000000",
        MILLION,
        "SELECT _value, count() AS N FROM range(end={rows}) GROUP BY _value",
    ),
    rows(
        "order_by_1000000",
        MILLION,
        "SELECT _value, 500000 - _value AS Key FROM range(end={rows}) ORDER BY Key",
    ),
    rows(
        "order_by_text_1000000",
        MILLION,
        r#"SELECT str(str=_value) AS Key FROM range(end={rows}) ORDER BY Key"#,
    ),
    rows(
        "foreach_subquery",
        MILLION,
        "SELECT * FROM foreach(row={ SELECT _value AS Outer FROM range(end={rows}) },
            query={ SELECT Outer, _value AS Inner FROM range(end=2) WHERE Inner = 1 })",
    ),
    rows(
        "foreach_subquery_workers_2",
        MILLION,
        "SELECT * FROM foreach(row={ SELECT _value AS Outer FROM range(end={rows}) },
            query={ SELECT Outer, _value AS Inner FROM range(end=2) WHERE Inner = 1 }, workers=2)",
    ),
    rows(
        "foreach_heavy_workers_1",
        2_000,
        "SELECT * FROM foreach(row={ SELECT _value AS Outer FROM range(end={rows}) },
            query={ SELECT Outer, count() AS N FROM range(end=1000) WHERE _value * 3 > 30 GROUP BY 1 })",
    ),
    rows(
        "foreach_heavy_workers_2",
        2_000,
        "SELECT * FROM foreach(row={ SELECT _value AS Outer FROM range(end={rows}) },
            query={ SELECT Outer, count() AS N FROM range(end=1000) WHERE _value * 3 > 30 GROUP BY 1 }, workers=2)",
    ),
    rows(
        "dict_building",
        MILLION,
        r#"SELECT dict(Name="svchost.exe", Pid=_value, Parent=dict(Pid=_value + 1, Name="services.exe")) AS Process
           FROM range(end={rows})"#,
    ),
    rows(
        "parse_json",
        MILLION / 2,
        r#"LET Text <= '''{"EventID":4624,"Computer":"host-1.example.org","Data":{"User":"alice","LogonType":3,"Ok":true},"Tags":["a","b"]}'''
           SELECT parse_json(data=Text).Data.User AS User, _value FROM range(end={rows})"#,
    ),
    rows(
        "members_over_arrays",
        MILLION,
        r#"LET Processes <= (dict(Name="a", Info=dict(Size=1)), dict(Name="b", Info=dict(Size=2)), dict(Name="c", Info=dict(Size=3)))
           SELECT Processes.Name AS Names, Processes.Info.Size AS Sizes, Processes[_value].Info.Size AS Size FROM range(end={rows})"#,
    ),
    rows(
        "let_function",
        MILLION,
        "LET Twice(n) = n * 2
         LET Area(a, b=3) = Twice(n=a) * b
         SELECT Area(a=_value) AS Area FROM range(end={rows})",
    ),
    rows(
        "let_expression",
        MILLION,
        "LET Twice = _value * 2
         SELECT Twice + Twice AS Four FROM range(end={rows}) WHERE Twice > 10",
    ),
    rows(
        "functions",
        MILLION,
        r#"SELECT if(condition=_value > 10, then=upcase(string="abc"), else="x") AS Up, format(format="%d:%s", args=(_value, "x")) AS Text
           FROM range(end={rows}) WHERE len(list="abcd") = 4"#,
    ),
    rows(
        "lambda_filter",
        MILLION / 10,
        r#"SELECT filter(list=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), condition="x=>x > 5") AS Large FROM range(end={rows})"#,
    ),
];
