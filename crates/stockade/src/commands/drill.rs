//! `stockade drill compromised-user`: an attack and the response to it on a range of its own, told as it happens.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use stockade_drill::{
    Audience, Line, Met, Nobody, Options, Outcome, Voice, compromised_user, report,
};

use super::waiting;
use crate::out::{self, Status};

/// Exit status: 0 all is met, 1 something is not met, 3 something could not be told.
#[derive(Args)]
pub struct Arguments {
    /// Which drill
    #[arg(value_enum)]
    drill: Drill,
    /// The same number gives the same drill to the letter
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Print the outcome as JSON, in place of the account
    #[arg(long)]
    json: bool,
    /// Write a report to this file: one page without outside references
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Drill {
    /// A leaked access key: attack, containment against a racing attacker, recovery
    CompromisedUser,
}

pub fn run(arguments: &Arguments) -> Status {
    waiting(async {
        let options = Options {
            seed: arguments.seed,
            ..Options::default()
        };
        let teller = Terminal {
            colour: out::colour(),
        };
        let audience: &dyn Audience = if arguments.json { &Nobody } else { &teller };
        let played = match arguments.drill {
            Drill::CompromisedUser => compromised_user(options, audience).await,
        };
        let outcome = match played {
            Ok(outcome) => outcome,
            Err(error) => return out::fail(&error),
        };
        if let Some(path) = &arguments.html
            && let Err(error) = std::fs::write(path, report::html(&outcome))
        {
            return out::fail(&format!(
                "cannot write {}: {error}; give another --html FILE",
                path.display()
            ));
        }
        if arguments.json {
            match serde_json::to_string_pretty(&outcome) {
                Ok(text) => out::print(&(text + "\n")),
                Err(error) => return out::fail(&error),
            }
        } else {
            out::print(&score(&outcome, out::colour()));
            if let Some(path) = &arguments.html {
                out::print(&format!("\nThe report: {}\n", shown(path)));
            }
        }
        status(&outcome)
    })
}

fn status(outcome: &Outcome) -> Status {
    let has = |met| outcome.score.iter().any(|criterion| criterion.met == met);
    if has(Met::NotMet) {
        Status::Found
    } else if has(Met::Unknown) || outcome.score.is_empty() {
        Status::Incomplete
    } else {
        Status::Fine
    }
}

fn shown(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

/// Tells the account on the terminal, a line at a time.
struct Terminal {
    colour: bool,
}

impl Audience for Terminal {
    fn hear(&self, line: &Line) {
        let who = match line.voice {
            Voice::Phase => {
                out::print(&format!("\n{}\n", painted(self.colour, "1", &line.text)));
                return;
            }
            Voice::Attacker => painted(self.colour, "31", "attacker "),
            Voice::Honest => painted(self.colour, "32", "honest   "),
            Voice::Responder => painted(self.colour, "36", "responder"),
            Voice::Proof => painted(self.colour, "35", "proof    "),
        };
        out::print(&format!(
            "  {}  {who}  {}\n",
            line.time.strftime("%a %H:%M:%S"),
            line.text
        ));
    }
}

fn painted(colour: bool, code: &str, text: &str) -> String {
    if colour {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

fn score(outcome: &Outcome, colour: bool) -> String {
    let mut text = String::from("\n");
    for criterion in &outcome.score {
        let mark = match criterion.met {
            Met::Met => painted(colour, "32", "met    "),
            Met::NotMet => painted(colour, "31", "NOT MET"),
            Met::Unknown => painted(colour, "33", "unknown"),
        };
        text += &format!(
            "  {mark}  {}\n           {}\n",
            criterion.name, criterion.how
        );
    }
    text
}
