//! The live account of a drill: what happens, told as it happens.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_model::Clock;

/// What kind of thing a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Voice {
    /// A new part of the story begins.
    Phase,
    /// The attacker did something.
    Attacker,
    /// An application or a member of staff did something.
    Honest,
    /// The responder did something.
    Responder,
    /// Something was proved, or was not.
    Proof,
}

/// One line of the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The range's time.
    pub time: Timestamp,
    /// Who is spoken of.
    pub voice: Voice,
    /// What happened.
    pub text: String,
}

/// Hears the account line by line.
pub trait Audience: Send + Sync {
    /// Takes the next line.
    fn hear(&self, line: &Line);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Audience for Nobody {
    fn hear(&self, _line: &Line) {}
}

/// A line is no longer than this, in characters: it is read at three in the morning.
const LONGEST: usize = 180;

/// The beginning of a text that is too long for a line.
fn short(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    let kept: String = text.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}

/// Tells the audience, and keeps what was told.
pub(crate) struct Teller<'a> {
    audience: &'a dyn Audience,
    clock: Arc<dyn Clock>,
    lines: Mutex<Vec<Line>>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(audience: &'a dyn Audience, clock: Arc<dyn Clock>) -> Self {
        Self {
            audience,
            clock,
            lines: Mutex::default(),
        }
    }

    pub(crate) fn tell(&self, voice: Voice, text: impl Into<String>) {
        let line = Line {
            time: self.clock.now(),
            voice,
            text: short(text.into()),
        };
        self.audience.hear(&line);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    pub(crate) fn phase(&self, text: &str) {
        self.tell(Voice::Phase, text);
    }

    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.lines
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
