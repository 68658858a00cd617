//! Wildcards and policy variables: `*`, `?`, `${aws:username}`, `${aws:username, 'x'}`, `${*}`.
//!
//! Owns how a text of a policy is compared with a text of a request. Knows no condition operator and no ARN.

use crate::context::Context;

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
    Variable {
        /// The context key.
        key: Box<str>,
        default: Option<Box<str>>,
    },
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

    /// Whether it matches `text`. A variable without a value matches nothing at all.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> bool {
        match &self.form {
            Form::Anything => true,
            Form::Exact(exact) => **exact == *text,
            Form::Prefix(prefix) => text.starts_with(&**prefix),
            Form::Glob(tokens) => glob(Walk::Tokens(tokens), text),
            Form::Template(tokens) => {
                fill(tokens, context).is_some_and(|pieces| glob(Walk::Pieces(&pieces), text))
            }
        }
    }

    /// [`Pattern::matches`] without regard to case.
    pub(crate) fn matches_ignoring_case(&self, text: &str, context: &Context) -> bool {
        match &self.form {
            Form::Exact(exact) => exact.to_lowercase() == text.to_lowercase(),
            Form::Template(tokens) => fill(tokens, context).is_some_and(|pieces| {
                let whole: String = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Text(text) => *text,
                        Piece::One => "?",
                        Piece::Many => "*",
                    })
                    .collect();
                whole.to_lowercase() == text.to_lowercase()
            }),
            Form::Anything | Form::Prefix(_) | Form::Glob(_) => self.matches(text, context),
        }
    }

    /// The text with its variables filled in; none where one of them has no value.
    pub(crate) fn resolve(&self, context: &Context) -> Option<String> {
        match &self.form {
            Form::Template(tokens) => Some(
                fill(tokens, context)?
                    .iter()
                    .map(|piece| match piece {
                        Piece::Text(text) => *text,
                        Piece::One => "?",
                        Piece::Many => "*",
                    })
                    .collect(),
            ),
            _ => Some(self.text.clone()),
        }
    }
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
                        key: key.into(),
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

fn is_key(text: &str) -> bool {
    !text.is_empty() && !text.contains(['$', '{', '}', '\'', ','])
}

/// Fills the variables in. A key with several values cannot stand in for a text.
fn fill<'a>(tokens: &'a [Token], context: &'a Context) -> Option<Vec<Piece<'a>>> {
    tokens
        .iter()
        .map(|token| match token {
            Token::Text(text) => Some(Piece::Text(text)),
            Token::One => Some(Piece::One),
            Token::Many => Some(Piece::Many),
            Token::Variable { key, default } => match context.get(key) {
                Some([value]) => Some(Piece::Text(value)),
                Some(_) => None,
                None => default.as_deref().map(Piece::Text),
            },
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Walk<'a> {
    Tokens(&'a [Token]),
    Pieces(&'a [Piece<'a>]),
}

impl<'a> Walk<'a> {
    fn at(self, index: usize) -> Option<Piece<'a>> {
        match self {
            Self::Pieces(pieces) => pieces.get(index).copied(),
            Self::Tokens(tokens) => tokens.get(index).map(|token| match token {
                Token::Text(text) => Piece::Text(text),
                // A glob has no variables: those are in templates, which are filled in first.
                Token::One | Token::Variable { .. } => Piece::One,
                Token::Many => Piece::Many,
            }),
        }
    }
}

/// Matches with one place to go back to: the last `*`, which takes one character more each time.
fn glob(pieces: Walk<'_>, text: &str) -> bool {
    let mut rest = text;
    let mut index = 0;
    let mut back: Option<(usize, &str)> = None;
    loop {
        let next = match pieces.at(index) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Piece::Many) => {
                back = Some((index + 1, rest));
                index += 1;
                if pieces.at(index).is_none() {
                    return true;
                }
                continue;
            }
            Some(Piece::One) => {
                let mut characters = rest.chars();
                characters.next().map(|_| characters.as_str())
            }
            Some(Piece::Text(literal)) => rest.strip_prefix(literal),
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
    fn long_hostile_patterns_end_soon() {
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!matches(&pattern, &"a".repeat(2_000)));
    }
}
