//! The text of a condition (`selection and not 1 of filter_*`) to a predicate over the searches.
//!
//! Binds tightest first: `not`, `and`, `or`. `them` is every search whose name does not begin with
//! an underscore.

use crate::NODES_MAX;
use crate::modifier::Refused;
use crate::predicate::Predicate;

/// The searches of a rule, by name.
pub(crate) type Searches = [(String, Predicate)];

/// Parentheses and `not`s may be nested so deep.
const DEPTH_MAX: usize = 64;

/// Lowers a condition; what is wrong comes with the character of the text it is about.
pub(crate) fn lower(text: &str, searches: &Searches) -> Result<Predicate, (usize, Refused)> {
    let mut reader = Reader { text, at: 0, searches, nodes: 0 };
    let predicate = reader.any_of(0).map_err(|refused| (reader.column(), refused))?;
    match reader.peek() {
        None => Ok(predicate),
        Some("|") => Err((reader.column(), piped())),
        Some(")") => {
            Err((reader.column(), ("`)` closes nothing".into(), "remove it, or write the `(`")))
        }
        Some(word) => Err((
            reader.column(),
            (format!("`{word}` does not go here"), "put `and` or `or` between two searches"),
        )),
    }
}

fn piped() -> Refused {
    (
        "counting with `|` is not possible here".into(),
        "counting over several records is correlation, which comes with log hunts",
    )
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    searches: &'t Searches,
    nodes: usize,
}

impl<'t> Reader<'t> {
    /// The next word, which stays.
    fn peek(&mut self) -> Option<&'t str> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let is_name = |c: char| !c.is_whitespace() && !matches!(c, '(' | ')' | '|');
        let length = if is_name(first) {
            rest.find(|c| !is_name(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        Some(&rest[..length])
    }

    fn next(&mut self) -> Option<&'t str> {
        let word = self.peek()?;
        self.at += word.len();
        Some(word)
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        if found {
            self.next();
        }
        found
    }

    fn column(&self) -> usize {
        self.text[..self.at].chars().count()
    }

    fn any_of(&mut self, depth: usize) -> Result<Predicate, Refused> {
        let mut of = vec![self.all_of(depth)?];
        while self.take("or") {
            of.push(self.all_of(depth)?);
        }
        Ok(Predicate::any(of))
    }

    fn all_of(&mut self, depth: usize) -> Result<Predicate, Refused> {
        let mut of = vec![self.one(depth)?];
        while self.take("and") {
            of.push(self.one(depth)?);
        }
        Ok(Predicate::all(of))
    }

    fn one(&mut self, depth: usize) -> Result<Predicate, Refused> {
        if depth > DEPTH_MAX {
            return Err((
                format!("nested deeper than {DEPTH_MAX}"),
                "name parts of it as searches",
            ));
        }
        if self.take("not") {
            return Ok(Predicate::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.any_of(depth + 1)?;
            if !self.take(")") {
                return Err(("`)` is missing".into(), "close every `(`"));
            }
            return Ok(inner);
        }
        let before = self.at;
        let Some(word) = self.next() else {
            return Err(("the condition ends too early".into(), "name a search here"));
        };
        let quantity = match word.to_ascii_lowercase().as_str() {
            "and" | "or" | "of" | "them" | ")" | "|" => {
                self.at = before;
                return Err((format!("`{word}` does not go here"), "name a search here"));
            }
            "any" => Some(Quantity::AtLeast(1)),
            "all" => Some(Quantity::All),
            number => number.parse().ok().map(Quantity::AtLeast),
        };
        if let Some(quantity) = quantity
            && self.take("of")
        {
            return self.quantified(quantity);
        }
        let found = self.searches.iter().find(|(name, _)| name == word);
        match found {
            Some((_, predicate)) => self.copied([predicate]).map(Predicate::all),
            None => {
                self.at = before;
                Err(self.no_search(word))
            }
        }
    }

    fn quantified(&mut self, quantity: Quantity) -> Result<Predicate, Refused> {
        self.peek();
        let before = self.at;
        let Some(word) = self.next() else {
            return Err(("`of` what is missing".into(), "write `them`, or a name with `*`"));
        };
        let chosen = |name: &str| {
            if word.eq_ignore_ascii_case("them") {
                !name.starts_with('_')
            } else {
                covers(word, name)
            }
        };
        let searches = self.searches;
        let of: Vec<&Predicate> =
            searches.iter().filter(|(name, _)| chosen(name)).map(|(_, one)| one).collect();
        if of.is_empty() {
            self.at = before;
            return Err(self.no_search(word));
        }
        let of = self.copied(of)?;
        Ok(match quantity {
            Quantity::All => Predicate::all(of),
            Quantity::AtLeast(0) => Predicate::And(Vec::new()),
            Quantity::AtLeast(1) => Predicate::any(of),
            Quantity::AtLeast(count) => Predicate::AtLeast { count, of },
        })
    }

    /// Copies of searches, as long as the tree stays small.
    fn copied<'p>(
        &mut self,
        of: impl IntoIterator<Item = &'p Predicate>,
    ) -> Result<Vec<Predicate>, Refused> {
        let mut copies = Vec::new();
        for one in of {
            self.nodes += one.nodes();
            if self.nodes > NODES_MAX {
                return Err((
                    format!("the rule has more than {NODES_MAX} tests"),
                    "split it, or name each search once",
                ));
            }
            copies.push(one.clone());
        }
        Ok(copies)
    }

    fn no_search(&self, word: &str) -> Refused {
        let names = self.searches.iter().map(|(name, _)| name.as_str());
        let message = match yaml_nodes::nearest(word, names.clone()) {
            Some(like) => format!("there is no search `{word}`; did you mean `{like}`?"),
            None => {
                let names: Vec<&str> = names.take(20).collect();
                format!("there is no search `{word}`; there are {}", names.join(", "))
            }
        };
        (message, "a condition names searches of the same `detection`")
    }
}

#[derive(Clone, Copy)]
enum Quantity {
    All,
    AtLeast(usize),
}

/// Whether a name with `*` in it covers another.
fn covers(pattern: &str, name: &str) -> bool {
    use crate::text::{Piece, TextPattern};
    let mut pieces = Vec::new();
    for (index, part) in pattern.split('*').enumerate() {
        if index > 0 {
            pieces.push(Piece::AnyMany);
        }
        if !part.is_empty() {
            pieces.push(Piece::Literal(part.into()));
        }
    }
    TextPattern::of(pieces).matches(name.as_bytes())
}
