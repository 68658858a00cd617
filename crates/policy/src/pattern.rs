//! Wildcards and policy variables: `*`, `?`, `${aws:username}`, `${aws:username, 'x'}`, `${*}`.
//!
//! Owns how a text of a policy is compared with a text of a request. Knows no condition operator and no ARN.

use std::borrow::Cow;

use crate::context::{Context, Key};

/// A text of a policy, split once so that a comparison only walks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As the document spells it.
    text: String,
    form: Form,
}

/// The cheap forms first: nearly every pattern of a real policy is one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Anything,
    Exact(Box<str>),
    Prefix(Box<str>),
    Glob(Box<[Token]>),
    /// Has variables: to be filled in from each request's context.
    Template(Box<[Token]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(Box<str>),
    One,
    Many,
    Variable { key: Key, default: Option<Box<str>> },
}

impl Token {
    /// What a variable stands for in a request. A key with several values cannot stand in for a text.
    fn value<'a>(key: &Key, default: Option<&'a str>, context: &'a Context) -> Option<&'a str> {
        match context.find(key) {
            Some([value]) => Some(value),
            Some(_) => None,
            None => default,
        }
    }

    /// The token with its variable filled in; none where that has no value.
    fn piece<'a>(&'a self, context: &'a Context) -> Option<Piece<'a>> {
        match self {
            Self::Text(text) => Some(Piece::Text(text)),
            Self::One => Some(Piece::One),
            Self::Many => Some(Piece::Many),
            Self::Variable { key, default } => {
                Self::value(key, default.as_deref(), context).map(Piece::Text)
            }
        }
    }
}

/// A token whose variables are filled in.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    One,
    Many,
}

/// What the characters of a policy's text mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syntax {
    /// `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
    /// `${…}` is a variable: version 2012-10-17, in elements that take variables.
    pub(crate) variables: bool,
}

impl Pattern {
    /// Splits a text.
    pub(crate) fn new(text: &str, syntax: Syntax) -> Self {
        Self {
            form: Form::new(tokens(text, syntax)),
            text: text.to_owned(),
        }
    }

    /// An action's pattern, in lower case: actions are compared without regard to case.
    pub(crate) fn action(text: &str) -> Self {
        let syntax = Syntax {
            wildcards: true,
            variables: false,
        };
        Self {
            form: Form::new(tokens(&text.to_ascii_lowercase(), syntax)),
            text: text.to_owned(),
        }
    }

    /// As the document spells it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches every text.
    pub(crate) fn is_anything(&self) -> bool {
        self.form == Form::Anything
    }

    /// Whether it ends in `*`.
    pub(crate) fn is_open(&self) -> bool {
        match &self.form {
            Form::Anything | Form::Prefix(_) => true,
            Form::Exact(_) => false,
            Form::Glob(tokens) | Form::Template(tokens) => tokens.last() == Some(&Token::Many),
        }
    }

    /// Whether every variable in it has a value.
    pub(crate) fn is_resolved(&self, context: &Context) -> bool {
        match &self.form {
            Form::Template(tokens) => tokens.iter().all(|token| token.piece(context).is_some()),
            _ => true,
        }
    }

    /// Whether it matches `text`. A variable without a value matches nothing at all.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> bool {
        match &self.form {
            Form::Anything => true,
            Form::Exact(exact) => **exact == *text,
            Form::Prefix(prefix) => text.starts_with(&**prefix),
            Form::Glob(tokens) => glob(tokens, text, context),
            Form::Template(tokens) => self.is_resolved(context) && glob(tokens, text, context),
        }
    }

    /// [`Pattern::matches`] without regard to case, for texts without wildcards.
    pub(crate) fn matches_ignoring_case(&self, text: &str, context: &Context) -> bool {
        let lower =
            |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
        match self.resolve(context) {
            Some(own) if own.is_ascii() && text.is_ascii() => own.eq_ignore_ascii_case(text),
            Some(own) => lower(&own) == lower(text),
            None => false,
        }
    }

    /// The text with its variables filled in; none where one of them has no value.
    pub(crate) fn resolve(&self, context: &Context) -> Option<Cow<'_, str>> {
        match &self.form {
            Form::Exact(text) => Some(Cow::Borrowed(text)),
            Form::Template(tokens) => tokens
                .iter()
                .map(|token| {
                    Some(match token.piece(context)? {
                        Piece::Text(text) => text,
                        Piece::One => "?",
                        Piece::Many => "*",
                    })
                })
                .collect::<Option<String>>()
                .map(Cow::Owned),
            _ => Some(Cow::Borrowed(&self.text)),
        }
    }

    /// Its characters and wildcards, variables filled in; none where one has no value.
    fn symbols(&self, context: &Context) -> Option<Vec<Symbol>> {
        let text = |text: &str| text.chars().map(Symbol::Exactly).collect::<Vec<_>>();
        Some(match &self.form {
            Form::Anything => vec![Symbol::Many],
            Form::Exact(exact) => text(exact),
            Form::Prefix(prefix) => {
                let mut all = text(prefix);
                all.push(Symbol::Many);
                all
            }
            Form::Glob(tokens) | Form::Template(tokens) => {
                let mut all = Vec::new();
                for token in tokens {
                    match token.piece(context)? {
                        Piece::Text(piece) => all.extend(text(piece)),
                        Piece::One => all.push(Symbol::One),
                        Piece::Many => all.push(Symbol::Many),
                    }
                }
                all
            }
        })
    }

    /// Whether some text matches both.
    pub(crate) fn overlaps(&self, other: &Self, context: &Context) -> bool {
        match (self.symbols(context), other.symbols(context)) {
            (Some(own), Some(others)) => meet(&own, &others),
            _ => false,
        }
    }

    /// Whether it matches every text that `other` matches, as far as comparing them character by character tells.
    pub(crate) fn covers(&self, other: &Self, context: &Context) -> bool {
        match (self.symbols(context), other.symbols(context)) {
            (Some(own), Some(others)) => reach(&own, &others, |own, others| match own {
                Symbol::Exactly(_) => own == others,
                Symbol::One => others != Symbol::Many,
                Symbol::Many => true,
            }),
            _ => false,
        }
    }
}

/// What a pattern has at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Exactly(char),
    One,
    Many,
}

/// Whether `own` matches all of `others`, read as a text of symbols; `takes` says whether one symbol of `own` takes
/// one of `others`.
fn reach(own: &[Symbol], others: &[Symbol], takes: impl Fn(Symbol, Symbol) -> bool) -> bool {
    // Which prefixes of `others` the symbols of `own` so far can match.
    let mut row = vec![false; others.len() + 1];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    for symbol in own {
        let mut next = vec![false; row.len()];
        let mut open = false;
        for (at, place) in next.iter_mut().enumerate() {
            let here = row.get(at).copied().unwrap_or_default();
            if *symbol == Symbol::Many {
                open |= here;
                *place = open;
            } else if let Some(before) = at.checked_sub(1)
                && row.get(before).copied().unwrap_or_default()
            {
                *place = others
                    .get(before)
                    .is_some_and(|other| takes(*symbol, *other));
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Whether two patterns have a text in common.
fn meet(own: &[Symbol], others: &[Symbol]) -> bool {
    let mut row = vec![false; others.len() + 1];
    // The empty text of `own` meets every run of `*`.
    let leading = others
        .iter()
        .take_while(|other| **other == Symbol::Many)
        .count();
    row.iter_mut()
        .take(leading + 1)
        .for_each(|place| *place = true);
    for symbol in own {
        let mut next = vec![false; row.len()];
        for at in 0..next.len() {
            let of = |row: &[bool], at: usize| row.get(at).copied().unwrap_or_default();
            let before = at.checked_sub(1);
            let other = before.and_then(|before| others.get(before).copied());
            let mut hit = false;
            if *symbol == Symbol::Many {
                // It takes nothing, or one symbol more of the other.
                hit = of(&row, at) || before.is_some_and(|before| of(&next, before));
            }
            if let (Some(before), Some(other)) = (before, other) {
                hit |= match (*symbol, other) {
                    // The other's `*` takes nothing, or this symbol.
                    (_, Symbol::Many) => of(&next, before) || of(&row, at),
                    (Symbol::Exactly(a), Symbol::Exactly(b)) => a == b && of(&row, before),
                    (Symbol::Many, _) => false,
                    (Symbol::One, _) | (_, Symbol::One) => of(&row, before),
                };
            }
            if let Some(place) = next.get_mut(at) {
                *place = hit;
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

impl Form {
    fn new(tokens: Vec<Token>) -> Self {
        match tokens.as_slice() {
            [] => Self::Exact("".into()),
            [Token::Text(text)] => Self::Exact(text.clone()),
            [Token::Text(text), Token::Many] => Self::Prefix(text.clone()),
            all if all.iter().all(|token| *token == Token::Many) => Self::Anything,
            all if all
                .iter()
                .any(|token| matches!(token, Token::Variable { .. })) =>
            {
                Self::Template(tokens.into())
            }
            _ => Self::Glob(tokens.into()),
        }
    }
}

/// Splits a text into tokens. What looks like a variable but is none stays text, as AWS leaves it.
fn tokens(text: &str, syntax: Syntax) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if syntax.variables
            && let Some((variable, after)) = variable(rest)
        {
            match variable {
                Variable::Escape(escaped) => literal.push(escaped),
                Variable::Key { key, default } => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(Token::Variable {
                        key: Key::new(key),
                        default: default.map(Into::into),
                    });
                }
            }
            rest = after;
            continue;
        }
        match character {
            '*' if syntax.wildcards => {
                flush(&mut literal, &mut tokens);
                if tokens.last() != Some(&Token::Many) {
                    tokens.push(Token::Many);
                }
            }
            '?' if syntax.wildcards => {
                flush(&mut literal, &mut tokens);
                tokens.push(Token::One);
            }
            other => literal.push(other),
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    flush(&mut literal, &mut tokens);
    tokens
}

fn flush(literal: &mut String, tokens: &mut Vec<Token>) {
    if !literal.is_empty() {
        tokens.push(Token::Text(std::mem::take(literal).into()));
    }
}

pub(crate) enum Variable<'a> {
    /// `${*}`, `${?}`, `${$}`: the character itself.
    Escape(char),
    Key {
        key: &'a str,
        default: Option<&'a str>,
    },
}

/// The variable that `text` begins with, and what follows it.
pub(crate) fn variable(text: &str) -> Option<(Variable<'_>, &str)> {
    let inside = text.strip_prefix("${")?;
    let (name, after) = inside.split_once('}')?;
    let escaped = match name {
        "*" => Some('*'),
        "?" => Some('?'),
        "$" => Some('$'),
        _ => None,
    };
    if let Some(escaped) = escaped {
        return Some((Variable::Escape(escaped), after));
    }
    // `${key, 'default'}`: the default may hold a closing brace.
    if let Some((key, quoted)) = inside.split_once(',')
        && key.len() < name.len()
        && let Some(quoted) = quoted.trim_start().strip_prefix('\'')
        && let Some((default, after)) = quoted.split_once('\'')
        && let Some(after) = after.trim_start().strip_prefix('}')
    {
        let key = key.trim();
        return is_key(key).then_some((
            Variable::Key {
                key,
                default: Some(default),
            },
            after,
        ));
    }
    let key = name.trim();
    is_key(key).then_some((Variable::Key { key, default: None }, after))
}

/// The names of the variables of a text, as it spells them.
pub(crate) fn variable_names(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.get(rest.find("${")?..)?;
            match variable(rest) {
                Some((Variable::Key { key, .. }, after)) => {
                    rest = after;
                    return Some(key);
                }
                Some((Variable::Escape(_), after)) => rest = after,
                None => rest = rest.get(2..)?,
            }
        }
    })
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && !text.contains(['$', '{', '}', '\'', ','])
}

/// Matches with one place to go back to: the last `*`, which takes one character more each time.
/// A variable without a value, which the callers rule out, matches nothing.
fn glob(tokens: &[Token], text: &str, context: &Context) -> bool {
    let at = |index: usize| tokens.get(index).map(|token| token.piece(context));
    let mut rest = text;
    let mut index = 0;
    let mut back: Option<(usize, &str)> = None;
    loop {
        let next = match at(index) {
            None if rest.is_empty() => return true,
            None | Some(None) => None,
            Some(Some(Piece::Many)) => {
                back = Some((index + 1, rest));
                index += 1;
                if index == tokens.len() {
                    return true;
                }
                continue;
            }
            Some(Some(Piece::One)) => {
                let mut characters = rest.chars();
                characters.next().map(|_| characters.as_str())
            }
            Some(Some(Piece::Text(literal))) => rest.strip_prefix(literal),
        };
        if let Some(after) = next {
            rest = after;
            index += 1;
            continue;
        }
        let Some((resume, from)) = back else {
            return false;
        };
        let mut characters = from.chars();
        if characters.next().is_none() {
            return false;
        }
        back = Some((resume, characters.as_str()));
        rest = characters.as_str();
        index = resume;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Syntax = Syntax {
        wildcards: true,
        variables: true,
    };

    fn matches(pattern: &str, text: &str) -> bool {
        let context = Context::new()
            .with("aws:username", "an*a")
            .with("aws:PrincipalTag/team", "red");
        Pattern::new(pattern, FULL).matches(text, &context)
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("**", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "é", true),
            ("*b*c", "abcbc", true),
            ("*b*c", "abcb", false),
            ("a*b*c*d", "a-b-c-c-d", true),
            ("*aab", "aaaaab", true),
            ("x*", "a/x", false),
            ("home/*/x", "home/a/b:c/x", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_are_literal_text() {
        for (pattern, text, expected) in [
            ("home/${aws:username}/*", "home/an*a/x", true),
            ("home/${aws:username}/*", "home/anna/x", false),
            ("${AWS:principaltag/TEAM}", "red", true),
            ("${aws:PrincipalTag/none, 'blue'}-*", "blue-1", true),
            ("${aws:PrincipalTag/none,'}'}", "}", true),
            (
                "${aws:PrincipalTag/none}",
                "${aws:PrincipalTag/none}",
                false,
            ),
            ("${aws:PrincipalTag/none}*", "anything", false),
            ("${*}${?}${$}", "*?$", true),
            ("${*}", "x", false),
            ("${", "${", true),
            ("${}", "${}", true),
            ("$", "$", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let old = Syntax {
            wildcards: true,
            variables: false,
        };
        let literal = Pattern::new("${aws:username}", old);
        assert!(literal.matches("${aws:username}", &Context::new()));
    }

    #[test]
    fn a_key_of_many_values_fills_no_variable() {
        let mut context = Context::new();
        context.insert("aws:TagKeys", ["a", "b"]);
        assert!(!Pattern::new("${aws:TagKeys}", FULL).matches("a", &context));
    }

    #[test]
    fn patterns_against_patterns() {
        let context = Context::new().with("aws:username", "anna");
        for (own, other, overlaps, covers) in [
            ("*", "a*", true, true),
            ("a*", "*", true, false),
            ("a*", "a*", true, true),
            ("a*", "b*", false, false),
            ("a*c", "*b*", true, false),
            ("*/logs/*", "b/*", true, false),
            ("x/*.iso", "x/*", true, false),
            ("x/*", "x/a/*", true, true),
            ("a?c", "abc", true, true),
            ("abc", "a?c", true, false),
            ("a?c", "a*c", true, false),
            ("?", "", false, false),
            ("*", "", true, true),
            ("", "*", true, false),
            ("ab", "a*c", false, false),
            ("home/${aws:username}/*", "home/*", true, false),
            ("home/${aws:username}/*", "home/anna/x*", true, true),
            ("${aws:none}*", "*", false, false),
        ] {
            let (own, other) = (Pattern::new(own, FULL), Pattern::new(other, FULL));
            assert_eq!(
                own.overlaps(&other, &context),
                overlaps,
                "{own:?} {other:?}"
            );
            assert_eq!(
                other.overlaps(&own, &context),
                overlaps,
                "{other:?} {own:?}"
            );
            assert_eq!(own.covers(&other, &context), covers, "{own:?} {other:?}");
        }
    }

    #[test]
    fn long_hostile_patterns_end_soon() {
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!matches(&pattern, &"a".repeat(2_000)));
    }
}
