//! Guesses which character separates the columns of a table in text.

/// What may separate columns, the likeliest first.
const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The separator that occurs in every one of the first lines, equally often; a comma when no
/// candidate does. Text between double quotes does not count.
pub fn sniff(sample: &[u8]) -> u8 {
    let mut best = (b',', 0);
    for candidate in CANDIDATES {
        let counts = counts(sample, candidate);
        let Some(first) = counts.first().copied().filter(|count| *count > 0) else { continue };
        if counts.iter().all(|count| *count == first) && first > best.1 {
            best = (candidate, first);
        }
    }
    best.0
}

/// How often `candidate` occurs in each of the first whole lines.
fn counts(sample: &[u8], candidate: u8) -> Vec<usize> {
    const LINES: usize = 10;
    let mut counts = Vec::new();
    let (mut count, mut quoted, mut any) = (0, false, false);
    for byte in sample {
        match *byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                if any {
                    counts.push(count);
                }
                (count, any) = (0, false);
                if counts.len() == LINES {
                    return counts;
                }
                continue;
            }
            b'\r' => continue,
            other if other == candidate && !quoted => count += 1,
            _ => {}
        }
        any = true;
    }
    // The last line may be cut off, so it counts only when there is no other.
    if counts.is_empty() && any {
        counts.push(count);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_consistent_candidate_wins() {
        let check = |text: &str, wanted: u8| assert_eq!(sniff(text.as_bytes()), wanted, "{text}");
        check("a,b\n1,2\n", b',');
        check("a;b;c\n1,5;2;3\n", b';');
        check("a\tb\n\"x\ty\"\tz\n", b'\t');
        check("a|b|c", b'|');
        check("one column\nonly\n", b',');
        check("", b',');
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            sniff(&bytes);
        }
    }
}
