//! Splits a command line into its arguments, by the rules of a POSIX shell or of Windows.
//!
//! Nothing is expanded: no variables, no globs, no command substitution. Evidence is often cut
//! off, so an unclosed quote ends at the end of the text instead of being an error.

/// Splits by the quoting rules of a POSIX shell: blanks separate, single quotes keep everything,
/// double quotes keep all but `\` before `"`, `\`, `$`, backtick and newline, `\` keeps one.
pub fn split_shell(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(chars.by_ref().take_while(|inner| *inner != '\''));
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(inner) = chars.next() {
                    match (inner, chars.peek()) {
                        ('"', _) => break,
                        ('\\', Some('\n')) => drop(chars.next()),
                        ('\\', Some(&kept @ ('"' | '\\' | '$' | '`'))) => {
                            chars.next();
                            word.push(kept);
                        }
                        (other, _) => word.push(other),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') => {}
                Some(kept) => word.get_or_insert_default().push(kept),
                None => word.get_or_insert_default().push('\\'),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// Splits by the rules a Windows program's start-up code follows.
///
/// The first word is the program: quotes only group there and backslashes are plain. In the
/// rest, `2n` backslashes before a quote are `n` and the quote groups, `2n+1` are `n` and a
/// literal quote, and two quotes inside a quoted part are one literal quote.
pub fn split_windows(line: &str) -> Vec<String> {
    let chars: Vec<char> = line.trim_start_matches([' ', '\t']).chars().collect();
    if chars.is_empty() {
        return Vec::new();
    }
    let (program, mut at) = windows_program(&chars);
    let mut words = vec![program];
    loop {
        while matches!(chars.get(at), Some(' ' | '\t')) {
            at += 1;
        }
        if at >= chars.len() {
            return words;
        }
        let (word, next) = windows_argument(&chars, at);
        words.push(word);
        at = next;
    }
}

fn windows_program(chars: &[char]) -> (String, usize) {
    let mut program = String::new();
    let mut quoted = false;
    for (at, &c) in chars.iter().enumerate() {
        match c {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return (program, at),
            other => program.push(other),
        }
    }
    (program, chars.len())
}

fn windows_argument(chars: &[char], mut at: usize) -> (String, usize) {
    let mut word = String::new();
    let mut quoted = false;
    while let Some(&c) = chars.get(at) {
        match c {
            ' ' | '\t' if !quoted => break,
            '\\' => {
                let run = chars[at..].iter().take_while(|c| **c == '\\').count();
                at += run;
                if chars.get(at) == Some(&'"') {
                    word.extend(std::iter::repeat_n('\\', run / 2));
                    if run % 2 == 1 {
                        word.push('"');
                        at += 1;
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', run));
                }
            }
            '"' if quoted && chars.get(at + 1) == Some(&'"') => {
                word.push('"');
                at += 2;
            }
            '"' => {
                quoted = !quoted;
                at += 1;
            }
            other => {
                word.push(other);
                at += 1;
            }
        }
    }
    (word, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(split: fn(&str) -> Vec<String>, line: &str, answer: Expect) {
        answer.assert_eq(&format!("{:?}", split(line)));
    }

    #[test]
    fn shell_quotes_group_and_escape() {
        check(
            split_shell,
            r#"sh -c 'echo "a b"' x\ y "q\"z\n""#,
            expect![[r#"["sh", "-c", "echo \"a b\"", "x y", "q\"z\\n"]"#]],
        );
        check(split_shell, "a '' \"\" b", expect![[r#"["a", "", "", "b"]"#]]);
        check(split_shell, "cut 'off here", expect![[r#"["cut", "off here"]"#]]);
        check(split_shell, "  ", expect!["[]"]);
    }

    #[test]
    fn windows_backslashes_are_plain_unless_a_quote_follows() {
        check(
            split_windows,
            r#""C:\Program Files\a.exe" /x:C:\dir\ "b c""#,
            expect![[r#"["C:\\Program Files\\a.exe", "/x:C:\\dir\\", "b c"]"#]],
        );
        check(
            split_windows,
            r#"a.exe a\\b d"e f"g h"#,
            expect![[r#"["a.exe", "a\\\\b", "de fg", "h"]"#]],
        );
        check(split_windows, r#"a.exe a\\\"b c d"#, expect![[r#"["a.exe", "a\\\"b", "c", "d"]"#]]);
        check(split_windows, r#"a.exe "x""y" z"#, expect![[r#"["a.exe", "x\"y", "z"]"#]]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(line in "\\PC{0,60}") {
            split_shell(&line);
            split_windows(&line);
        }

        #[test]
        fn single_quoting_brings_any_word_back(words in proptest::collection::vec("\\PC{0,12}", 0..6)) {
            let line: Vec<String> =
                words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
            proptest::prop_assert_eq!(split_shell(&line.join(" ")), words);
        }
    }
}
