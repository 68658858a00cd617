//! The hunt as text for a terminal: by principal, by tactic, in the order of time.
//!
//! Text from logs is written by attackers too: control characters never reach the terminal.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use stockade_model::{Severity, Timestamp};

use super::Hunted;
use crate::story::{Phase, Seen, Step, Story};

/// How to lay it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The terminal's width in columns; lines are cut to it.
    pub width: usize,
    /// Whether to colour severities.
    pub colour: bool,
    /// Whether to add what to do next under each step.
    pub next: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            width: 120,
            colour: false,
            next: true,
        }
    }
}

/// The least width that makes sense.
const NARROWEST: usize = 60;
/// So many values are listed before "and n more".
const LISTED: usize = 4;

/// The table, ending in a newline.
pub fn render(hunted: &Hunted<'_>, style: Style) -> String {
    let style = Style {
        width: style.width.max(NARROWEST),
        ..style
    };
    let mut page = Page {
        text: String::new(),
        style,
    };
    page.summary(hunted);
    for story in hunted.stories {
        page.story(story);
    }
    page.faults(hunted);
    page.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    /// One line, cut to the width.
    fn line(&mut self, indent: usize, text: &str) {
        let room = self.style.width.saturating_sub(indent);
        let _ = writeln!(self.text, "{:indent$}{}", "", cut(&clean(text), room));
    }

    /// A text over as many lines as it takes, broken at spaces.
    fn paragraph(&mut self, indent: usize, first: &str, text: &str) {
        let hang = indent + first.chars().count();
        let room = self.style.width.saturating_sub(hang).max(20);
        for (number, line) in wrap(&clean(text), room).iter().enumerate() {
            if number == 0 {
                let _ = writeln!(self.text, "{:indent$}{first}{line}", "");
            } else {
                let _ = writeln!(self.text, "{:hang$}{line}", "");
            }
        }
    }

    fn summary(&mut self, hunted: &Hunted<'_>) {
        let read = hunted.read;
        let span = match (read.first, read.last) {
            (Some(first), Some(last)) => format!(", {}", between(first, last)),
            _ => String::new(),
        };
        self.line(
            0,
            &format!(
                "{} in {}{span}, held to {}",
                count(read.events, "event", "events"),
                count(read.files, "file", "files"),
                count(read.detections, "detection", "detections"),
            ),
        );
        for one in hunted.suppressed {
            self.paragraph(0, "", &format!("Suppressed: {}", super::said(one)));
        }
        if hunted.findings.is_empty() {
            self.line(0, "Nothing found.");
            return;
        }
        let severities = [
            Severity::Critical,
            Severity::High,
            Severity::Medium,
            Severity::Low,
            Severity::Informational,
        ];
        let counts: Vec<String> = severities
            .iter()
            .filter_map(|severity| {
                let n = hunted
                    .findings
                    .iter()
                    .filter(|f| f.severity == *severity)
                    .count();
                (n > 0).then(|| format!("{n} {severity}"))
            })
            .collect();
        self.line(
            0,
            &format!(
                "{}: {}; behind them {}",
                count(hunted.findings.len() as u64, "finding", "findings"),
                counts.join(", "),
                count(hunted.stories.len() as u64, "principal", "principals"),
            ),
        );
    }

    fn story(&mut self, story: &Story) {
        let rule = "═".repeat(self.style.width.min(100));
        self.text.push('\n');
        let _ = writeln!(self.text, "{rule}");
        let mark = self.severity(story.severity);
        let name = cut(
            &clean(&story.principal),
            self.style.width.saturating_sub(10),
        );
        let _ = writeln!(self.text, "{mark} {name}");
        let accounts: Vec<&str> = story.accounts.iter().map(String::as_str).collect();
        self.field("when", &between(story.first, story.last));
        let shape = match story.refused {
            0 => count(story.calls, "call", "calls"),
            n => format!("{}, {n} refused", count(story.calls, "call", "calls")),
        };
        self.field("calls", &shape);
        self.field("from", &listed(&story.addresses));
        self.field("with", &listed(&story.user_agents));
        self.field("keys", &listed(&story.keys));
        if !story.became.is_empty() {
            let became: Vec<String> = story
                .became
                .iter()
                .map(|other| format!("{} at {}", short(&other.value), clock(other.first)))
                .collect();
            self.field("became", &some_of(&became, LISTED));
        }
        let neighbours: Vec<String> = story
            .neighbours
            .iter()
            .map(|other| short(other).to_owned())
            .collect();
        self.field("near", &some_of(&neighbours, LISTED));
        if accounts.len() > 1 {
            self.field("accounts", &accounts.join(", "));
        }
        let order: Vec<String> = story
            .tactics
            .iter()
            .map(|phase| format!("{} {}", tactic(phase), clock(phase.first)))
            .collect();
        self.field("order", &order.join(" → "));
        for phase in &story.tactics {
            self.phase(phase);
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.paragraph(2, &format!("{name:<9}"), value);
        }
    }

    fn phase(&mut self, phase: &Phase) {
        let tried = match phase.attempts {
            0 => String::new(),
            n => format!(", {n} tried in vain"),
        };
        self.text.push('\n');
        self.line(
            2,
            &format!(
                "{}  {} {}{tried}",
                tactic(phase).to_uppercase(),
                between(phase.first, phase.last),
                count(phase.done, "call", "calls"),
            ),
        );
        for step in &phase.steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        let mark = self.severity(step.severity);
        let times = if step.events == 1 {
            String::new()
        } else {
            format!(" ×{}", step.events)
        };
        let tried = if step.attempt { " (tried in vain)" } else { "" };
        let tail = format!("{times}{tried}");
        // Indent, time and severity take 22 columns.
        let room = self.style.width.saturating_sub(22 + tail.chars().count());
        let title = cut(&clean(&step.title), room);
        let _ = writeln!(self.text, "    {} {mark} {title}{tail}", clock(step.first));
        let mut about = Vec::new();
        if step.last.as_second() > step.first.as_second() {
            about.push(format!("until {}", clock(step.last)));
        }
        about.push(some_of(&step.calls, LISTED));
        if !step.targets.is_empty() {
            about.push(format!("on {}", some_of(&step.targets, LISTED)));
        }
        if !step.techniques.is_empty() {
            let techniques: Vec<&str> = step.techniques.iter().map(|t| t.as_str()).collect();
            about.push(techniques.join(" "));
        }
        self.paragraph(22, "", &about.join(" · "));
        if self.style.next
            && let Some(next) = &step.next
        {
            self.paragraph(22, "→ ", next);
        }
    }

    fn faults(&mut self, hunted: &Hunted<'_>) {
        if hunted.read.skipped > 0 || !hunted.skipped.is_empty() {
            let all = hunted.read.skipped.max(hunted.skipped.len() as u64);
            self.text.push('\n');
            self.line(
                0,
                &format!(
                    "NOT READ: {}; what is in there is not known",
                    count(all, "fault", "faults")
                ),
            );
            for skip in hunted.skipped.iter().take(10) {
                let place = skip
                    .position
                    .as_ref()
                    .map(|p| format!(", {p}"))
                    .unwrap_or_default();
                self.paragraph(2, "", &format!("{}{place}: {}", skip.source, skip.reason));
            }
            if all > 10 {
                self.line(2, &format!("and {} more", all - 10));
            }
        }
        if !hunted.problems.is_empty() {
            self.text.push('\n');
            self.line(0, &format!("RULES NOT IN ORDER: {}", hunted.problems.len()));
            for problem in hunted.problems.iter().take(10) {
                self.paragraph(2, "", &problem.to_string());
            }
            if hunted.problems.len() > 10 {
                self.line(2, &format!("and {} more", hunted.problems.len() - 10));
            }
        }
    }

    /// The severity in eight columns.
    fn severity(&self, severity: Severity) -> String {
        let name = match severity {
            Severity::Informational => "INFO",
            Severity::Low => "LOW",
            Severity::Medium => "MEDIUM",
            Severity::High => "HIGH",
            Severity::Critical => "CRITICAL",
        };
        let code = match severity {
            Severity::Informational => "2",
            Severity::Low => "36",
            Severity::Medium => "33",
            Severity::High => "31",
            Severity::Critical => "1;31",
        };
        if self.style.colour {
            format!("\u{1b}[{code}m{name:<8}\u{1b}[0m")
        } else {
            format!("{name:<8}")
        }
    }
}

fn tactic(phase: &Phase) -> String {
    match phase.tactic {
        Some(tactic) => tactic.as_str().replace('-', " "),
        None => "no tactic".to_owned(),
    }
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn listed(seen: &[Seen]) -> String {
    let all: Vec<String> = seen
        .iter()
        .filter(|one| !one.value.is_empty())
        .map(|one| format!("{} ({})", one.value, one.calls))
        .collect();
    some_of(&all, LISTED)
}

fn some_of(all: &[String], most: usize) -> String {
    let shown = all.get(..most).unwrap_or(all).join(", ");
    match all.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A principal without what everyone knows: `assumed-role/deploy/i-0abc`.
fn short(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// Time of day, UTC.
fn clock(time: Timestamp) -> String {
    let time = TimeZone::UTC.to_datetime(time);
    format!(
        "{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn between(first: Timestamp, last: Timestamp) -> String {
    let (a, b) = (
        TimeZone::UTC.to_datetime(first),
        TimeZone::UTC.to_datetime(last),
    );
    if first.as_second() == last.as_second() {
        format!("{} {} UTC", a.date(), clock(first))
    } else if a.date() == b.date() {
        format!("{} {} to {} UTC", a.date(), clock(first), clock(last))
    } else {
        format!(
            "{} {} to {} {} UTC",
            a.date(),
            clock(first),
            b.date(),
            clock(last)
        )
    }
}

/// Without control characters, and without those that turn the direction of text.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
            if c.is_control() || hidden { '·' } else { c }
        })
        .collect()
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = cut(word, room);
        let longer = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && longer > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}
