//! Formatting keeps tokens and comments, and a formatted text stays as it is.

use expect_test::{Expect, expect};
use vql_syntax::{format, parse_program, print_program};

/// Formats, and checks that nothing but blanks changed and that doing it again changes nothing.
pub(crate) fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|errors| panic!("{}", errors[0].render("case", text)));
    let again = format(&once).unwrap_or_else(|e| panic!("{}", e[0].render("formatted", &once)));
    assert_eq!(again, once, "formatting {text:?} again changes it");
    let (before, after) = (parse_program(text).program, parse_program(&once).program);
    assert_eq!(print_program(&after), print_program(&before));
    let comments = |text: &str, program: &vql_syntax::Program| -> Vec<String> {
        program.comments.iter().map(|comment| comment.span.of(text).to_owned()).collect()
    };
    assert_eq!(comments(&once, &after), comments(text, &before));
    once
}

fn check(text: &str, wanted: Expect) {
    wanted.assert_eq(&formatted(text));
}

#[test]
fn what_fits_on_a_line_is_on_one_line() {
    check(
        "select  a ,b  from p( x=1,y = [ 1,2 ] )\nwhere a and not b limit 5",
        expect![[r#"
        SELECT a, b FROM p(x=1, y=[1, 2]) WHERE a AND NOT b LIMIT 5
    "#]],
    );
    check(
        "let x=5 let f(a,b=2)= a+b*2",
        expect![[r#"
        LET x = 5
        LET f(a, b=2) = a + b * 2
    "#]],
    );
    check(
        "LET x = 1\n\n\n\nLET y = 2\nSELECT * FROM x",
        expect![[r#"
        LET x = 1

        LET y = 2
        SELECT * FROM x
    "#]],
    );
}

#[test]
fn long_queries_get_a_line_for_each_clause() {
    check(
        "SELECT OSPath, Size, Mtime FROM glob(globs=\"/etc/**/*.conf\") WHERE Size > 1000 AND NOT OSPath =~ \"passwd\" ORDER BY Mtime DESC LIMIT 10",
        expect![[r#"
            SELECT OSPath, Size, Mtime
            FROM glob(globs="/etc/**/*.conf")
            WHERE Size > 1000 AND NOT OSPath =~ "passwd"
            ORDER BY Mtime DESC
            LIMIT 10
        "#]],
    );
    check(
        "LET x = SELECT * FROM foreach(row={ SELECT OSPath FROM glob(globs=\"/etc/passwd\") }, query={ SELECT *, OSPath AS Source FROM split_records(filenames=OSPath, regex=\":\", columns=[\"User\", \"Password\", \"Uid\", \"Gid\", \"Description\", \"Home\", \"Shell\"]) })",
        expect![[r#"
            LET x = SELECT *
              FROM foreach(
                row={ SELECT OSPath FROM glob(globs="/etc/passwd") },
                query={
                  SELECT *, OSPath AS Source
                  FROM split_records(
                    filenames=OSPath,
                    regex=":",
                    columns=["User", "Password", "Uid", "Gid", "Description", "Home", "Shell"]
                  )
                }
              )
        "#]],
    );
    check(
        "SELECT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccccccccc, ddddddddddddd AS e FROM scope() WHERE (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa OR bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb) AND cccccccccccccccccccccccccccccccccc",
        expect![[r#"
            SELECT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,
              bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,
              cccccccccccccccccccccccccc,
              ddddddddddddd AS e
            FROM scope()
            WHERE (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa OR bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)
                AND cccccccccccccccccccccccccccccccccc
        "#]],
    );
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "-- first\n\n// second\nSELECT a, -- about a\n  /* about b */ b\nFROM p(x=1 /* why */, y=2)\n-- before where\nWHERE a -- last\n\n/* the\n   end */\n",
        expect![[r#"
            -- first

            // second
            SELECT a, -- about a
              /* about b */
              b
            FROM p(x=1 /* why */ , y=2)
            -- before where
            WHERE a -- last

            /* the
               end */
        "#]],
    );
    check(
        "LET a = 1 -- one\n-- two\nLET b = 2",
        expect![[r#"
        LET a = 1 -- one
        -- two
        LET b = 2
    "#]],
    );
}

#[test]
fn raw_strings_over_lines_are_not_touched() {
    check(
        "SELECT f(a='''x\n  y''', b=2) FROM scope()",
        expect![[r#"
        SELECT f(
            a='''x
          y''',
            b=2
          )
        FROM scope()
    "#]],
    );
}

#[test]
fn a_bad_text_is_not_formatted() {
    assert_eq!(format("SELECT a -b FROM c").unwrap_err().len(), 1);
}
