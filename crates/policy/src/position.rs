//! Where a document's statements stand in its text, in lines and columns as IAM's simulator counts them.
//!
//! Owns the counting. The text is one that was read as a document before: it is JSON.

/// A place between two characters of a text; both from 1. A line ends at LF, CR or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// From where to where a statement reaches. AWS begins it where its reader stood before it: after the bracket that opens
/// the list, after the statement before it (and so before the comma), or after the brace of one that stands alone. It
/// ends after its closing brace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub start: Position,
    /// Its end.
    pub end: Position,
}

/// Walks a text, character by character.
struct Walk<'a> {
    rest: std::str::Chars<'a>,
    at: Position,
    after_return: bool,
}

impl Walk<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        match next {
            '\n' if self.after_return => self.at.column = 1,
            '\n' | '\r' => {
                self.at.line += 1;
                self.at.column = 1;
            }
            _ => self.at.column += 1,
        }
        self.after_return = next == '\r';
        Some(next)
    }

    /// The string whose opening quote is read.
    fn string(&mut self) -> String {
        let mut text = String::from('"');
        while let Some(next) = self.next() {
            text.push(next);
            match next {
                '"' => break,
                '\\' => text.extend(self.next()),
                _ => {}
            }
        }
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// The spans of a document's statements, in its order. Empty for a text that is no document.
pub fn spans(text: &str) -> Vec<Span> {
    let mut walk = Walk {
        rest: text.chars(),
        at: Position { line: 1, column: 1 },
        after_return: false,
    };
    let mut depth = 0_usize;
    // The last string of the outermost object, and whether the value of `Statement` is what comes or is open.
    let (mut word, mut comes, mut listed) = (String::new(), false, false);
    let mut start = None;
    let mut found = Vec::new();
    while let Some(next) = walk.next() {
        match next {
            '"' => {
                let string = walk.string();
                if depth == 1 {
                    word = string;
                }
            }
            ':' if depth == 1 => comes = word == "Statement",
            '[' | '{' => {
                depth += 1;
                if comes && depth == 2 {
                    // A member that stands twice counts as it stands last.
                    found.clear();
                    listed = next == '[';
                    start = Some(walk.at);
                }
            }
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                let statement = if listed { 2 } else { 1 };
                if comes
                    && next == '}'
                    && depth == statement
                    && let Some(begun) = start
                {
                    found.push(Span {
                        start: begun,
                        end: walk.at,
                    });
                    start = Some(walk.at);
                }
                if depth == 1 {
                    (comes, listed, start) = (false, false, None);
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<[usize; 4]> {
        spans(text)
            .iter()
            .map(|s| [s.start.line, s.start.column, s.end.line, s.end.column])
            .collect()
    }

    #[test]
    fn spans_are_counted_as_the_simulator_counts() {
        let one = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        assert_eq!(told(one), [[1, 38, 1, 84]]);
        // The second begins where the first ends.
        let two = one.replace("}]", "},{\"Effect\":\"Deny\"}]");
        assert_eq!(told(&two), [[1, 38, 1, 84], [1, 84, 1, 102]]);
        let alone = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow"}}"#;
        assert_eq!(told(alone), [[1, 38, 1, 55]]);
        let lines = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\"\n    }\n  ]\n}";
        assert_eq!(told(lines), [[3, 17, 6, 6]]);
        assert_eq!(told(&lines.replace('\n', "\r\n")), [[3, 17, 6, 6]]);
        assert_eq!(told(&lines.replace('\n', "\r")), [[3, 17, 6, 6]]);
    }

    #[test]
    fn what_only_looks_like_a_statement_is_none() {
        let tricky = r#"{"Id":"Statement","Statement":[{"Sid":"a}],[{","Condition":{"StringEquals":{"a:Statement":["\"{"]}}}],"Version":"2012-10-17"}"#;
        let end = tricky.find("}],\"Version").unwrap() + 2;
        assert_eq!(told(tricky), [[1, 32, 1, end]]);
        assert_eq!(told(r#"{"Id":"é","Statement":[{}]}"#), [[1, 24, 1, 26]]);
        assert_eq!(told(r#"{"St\u0061tement":{}}"#), [[1, 20, 1, 21]]);
        for none in [
            "",
            "{",
            "[]",
            r#"{"Statement":[]}"#,
            "\"",
            r#"{"Statement":"{}"}"#,
        ] {
            assert!(spans(none).is_empty(), "{none}");
        }
    }
}
