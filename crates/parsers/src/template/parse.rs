//! Pieces to a tree.

use std::collections::HashMap;

use rows::Value;

use super::lex::{Piece, Place, Token, lex};
use super::{Template, TemplateError};

/// How deep actions and parentheses may be nested.
const DEPTH_MAX: usize = 60;

/// A part of a template.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    /// An action that writes something, unless it sets a variable.
    Write(Pipe),
    If(Branches, Vec<Node>),
    With(Branches, Vec<Node>),
    Range {
        pipe: Pipe,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Template {
        name: String,
        data: Option<Pipe>,
        place: Place,
    },
    Break,
    Continue,
}

/// Commands, each of which gets what the one before it gave as its last argument.
#[derive(Debug, Clone)]
pub(super) struct Pipe {
    pub(super) set: Vec<String>,
    /// `=` instead of `:=`.
    pub(super) assign: bool,
    pub(super) commands: Vec<Vec<Operand>>,
    pub(super) place: Place,
}

/// A word of a command.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) base: Base,
    pub(super) fields: Vec<String>,
    pub(super) place: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Base {
    Dot,
    Variable(String),
    Value(Value),
    Function(String),
    Pipe(Box<Pipe>),
}

pub(super) fn parse(text: &str) -> Result<Template, TemplateError> {
    let mut parser =
        Parser { pieces: lex(text)?, at: 0, depth: 0, loops: 0, named: HashMap::new() };
    let (body, end) = parser.nodes()?;
    match end {
        End::Text => Ok(Template { body, named: parser.named }),
        End::Action(word, place) => Err(place.error(format!("`{word}` belongs to nothing"))),
    }
}

/// What ended a list of nodes.
enum End {
    Text,
    /// `end` or `else`, whose rest is still to be read.
    Action(String, Place),
}

struct Parser {
    pieces: Vec<Piece>,
    at: usize,
    depth: usize,
    loops: usize,
    named: HashMap<String, Vec<Node>>,
}

type Parsed<T> = Result<T, TemplateError>;
type Branches = Vec<(Pipe, Vec<Node>)>;

impl Parser {
    fn peek(&self) -> Option<&Piece> {
        self.pieces.get(self.at)
    }

    fn next(&mut self) -> Option<Piece> {
        let piece = self.pieces.get(self.at).cloned();
        self.at += 1;
        piece
    }

    fn place(&self) -> Place {
        let piece = self.peek().or(self.pieces.last());
        piece.map_or(Place { line: 1, column: 1 }, |piece| piece.place)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.place().error(format!("actions are nested deeper than {DEPTH_MAX}")));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn nodes(&mut self) -> Parsed<(Vec<Node>, End)> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.next() {
            if let Token::Text(text) = piece.token {
                nodes.push(Node::Text(text));
                continue;
            }
            // Outside of text there are only actions, and this is where one begins.
            let place = piece.place;
            let word = match self.peek().map(|piece| &piece.token) {
                Some(Token::Word(word)) => word.clone(),
                _ => String::new(),
            };
            match word.as_str() {
                "end" | "else" => {
                    self.at += 1;
                    return Ok((nodes, End::Action(word, place)));
                }
                "if" | "with" | "range" | "template" | "block" | "define" | "break"
                | "continue" => {
                    self.at += 1;
                    nodes.extend(self.deeper(|parser| parser.keyword(&word, place))?);
                }
                _ => {
                    let pipe = self.pipe()?;
                    self.close()?;
                    nodes.push(Node::Write(pipe));
                }
            }
        }
        Ok((nodes, End::Text))
    }

    fn keyword(&mut self, word: &str, place: Place) -> Parsed<Option<Node>> {
        Ok(Some(match word {
            "if" => {
                let (branches, otherwise) = self.branches("if", place)?;
                Node::If(branches, otherwise)
            }
            "with" => {
                let (branches, otherwise) = self.branches("with", place)?;
                Node::With(branches, otherwise)
            }
            "range" => self.range(place)?,
            "template" => {
                let name = self.name()?;
                let data = match self.peek().map(|piece| &piece.token) {
                    Some(Token::Close) => None,
                    _ => Some(self.pipe()?),
                };
                self.close()?;
                Node::Template { name, data, place }
            }
            "block" => {
                let name = self.name()?;
                let data = Some(self.pipe()?);
                self.close()?;
                let body = self.until_end("block", place)?;
                self.named.insert(name.clone(), body);
                Node::Template { name, data, place }
            }
            "define" => {
                let name = self.name()?;
                self.close()?;
                let body = self.until_end("define", place)?;
                self.named.insert(name, body);
                return Ok(None);
            }
            other => {
                if self.loops == 0 {
                    return Err(place.error(format!("`{other}` outside of a range")));
                }
                self.close()?;
                if other == "break" { Node::Break } else { Node::Continue }
            }
        }))
    }

    fn name(&mut self) -> Parsed<String> {
        let place = self.place();
        match self.next().map(|piece| piece.token) {
            Some(Token::Quoted(name)) => Ok(name),
            _ => Err(place.error("the name of a template is wanted, in quotes")),
        }
    }

    fn until_end(&mut self, word: &str, place: Place) -> Parsed<Vec<Node>> {
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.nodes()?;
        self.loops = loops;
        match end {
            End::Action(found, _) if found == "end" => self.close()?,
            End::Action(found, at) => {
                return Err(at.error(format!("`{found}` does not belong into `{word}`")));
            }
            End::Text => return Err(place.error(format!("`{word}` has no `end`"))),
        }
        Ok(body)
    }

    /// The branches of `if` or `with`, and what is behind the last `else`.
    fn branches(&mut self, word: &str, place: Place) -> Parsed<(Branches, Vec<Node>)> {
        let mut branches = Vec::new();
        loop {
            let pipe = self.pipe()?;
            self.close()?;
            let (body, end) = self.nodes()?;
            branches.push((pipe, body));
            match end {
                End::Text => return Err(place.error(format!("`{word}` has no `end`"))),
                End::Action(found, _) if found == "end" => {
                    self.close()?;
                    return Ok((branches, Vec::new()));
                }
                End::Action(..) => {}
            }
            if matches!(self.peek().map(|p| &p.token), Some(Token::Word(next)) if next == word) {
                self.at += 1;
                continue;
            }
            self.close()?;
            return Ok((branches, self.otherwise(word, place)?));
        }
    }

    /// What is behind an `else`, up to the `end`.
    fn otherwise(&mut self, word: &str, place: Place) -> Parsed<Vec<Node>> {
        let (body, end) = self.nodes()?;
        match end {
            End::Action(found, _) if found == "end" => self.close()?,
            End::Action(_, at) => return Err(at.error(format!("`{word}` has a second `else`"))),
            End::Text => return Err(place.error(format!("`{word}` has no `end`"))),
        }
        Ok(body)
    }

    fn range(&mut self, place: Place) -> Parsed<Node> {
        let pipe = self.pipe()?;
        self.close()?;
        self.loops += 1;
        let read = self.nodes();
        self.loops -= 1;
        let (body, end) = read?;
        let otherwise = match end {
            End::Text => return Err(place.error("`range` has no `end`")),
            End::Action(found, _) => {
                self.close()?;
                if found == "end" { Vec::new() } else { self.otherwise("range", place)? }
            }
        };
        Ok(Node::Range { pipe, body, otherwise })
    }

    fn close(&mut self) -> Parsed<()> {
        let place = self.place();
        match self.next().map(|piece| piece.token) {
            Some(Token::Close) => Ok(()),
            _ => Err(place.error("the action should end here, with `}}`")),
        }
    }

    fn pipe(&mut self) -> Parsed<Pipe> {
        let place = self.place();
        let (set, assign) = self.setting();
        let mut commands = Vec::new();
        loop {
            let mut command: Vec<Operand> = Vec::new();
            while let Some(operand) = self.operand()? {
                command.push(operand);
            }
            if command.is_empty() {
                return Err(self.place().error("a value is missing here"));
            }
            commands.push(command);
            if !matches!(self.peek().map(|piece| &piece.token), Some(Token::Sign('|'))) {
                return Ok(Pipe { set, assign, commands, place });
            }
            self.at += 1;
        }
    }

    /// `$x :=`, `$x =` or `$i, $x :=` at the beginning of a pipeline.
    fn setting(&mut self) -> (Vec<String>, bool) {
        let token = |at: usize| self.pieces.get(self.at + at).map(|piece| &piece.token);
        let one = match (token(0), token(1)) {
            (Some(Token::Variable(name)), Some(Token::Declare)) => Some((name.clone(), false)),
            (Some(Token::Variable(name)), Some(Token::Assign)) => Some((name.clone(), true)),
            _ => None,
        };
        if let Some((name, assign)) = one {
            self.at += 2;
            return (vec![name], assign);
        }
        let (Some(Token::Variable(first)), Some(Token::Sign(',')), Some(Token::Variable(second))) =
            (token(0), token(1), token(2))
        else {
            return (Vec::new(), false);
        };
        let assign = match token(3) {
            Some(Token::Declare) => false,
            Some(Token::Assign) => true,
            _ => return (Vec::new(), false),
        };
        let names = vec![first.clone(), second.clone()];
        self.at += 4;
        (names, assign)
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(piece) = self.peek().cloned() else { return Ok(None) };
        let mut fields = Vec::new();
        let base = match piece.token {
            Token::Dot => Base::Dot,
            Token::Field(name) => {
                fields.push(name);
                Base::Dot
            }
            Token::Variable(name) => Base::Variable(name),
            Token::Quoted(text) => Base::Value(Value::text(text)),
            Token::Int(number) => Base::Value(Value::Int(number)),
            Token::Float(number) => Base::Value(Value::Float(number)),
            Token::Word(word) => match word.as_str() {
                "true" => Base::Value(Value::Bool(true)),
                "false" => Base::Value(Value::Bool(false)),
                "nil" => Base::Value(Value::Null),
                _ => Base::Function(word),
            },
            Token::Sign('(') => {
                self.at += 1;
                let pipe = self.deeper(Self::pipe)?;
                if !matches!(self.peek().map(|piece| &piece.token), Some(Token::Sign(')'))) {
                    return Err(piece.place.error("the parenthesis has no end: `)` is missing"));
                }
                Base::Pipe(Box::new(pipe))
            }
            Token::Sign(')' | '|') | Token::Close => return Ok(None),
            _ => return Err(piece.place.error("a value should be here")),
        };
        self.at += 1;
        while let Some(Piece { token: Token::Field(name), spaced: false, .. }) = self.peek() {
            fields.push(name.clone());
            self.at += 1;
        }
        Ok(Some(Operand { base, fields, place: piece.place }))
    }
}
