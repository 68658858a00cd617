//! Somebody guesses passwords: connection after connection to SSH or remote desktop.
//!
//! A person connects now and then; who guesses opens a new connection for every few guesses.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{Flow, WINDOW, every};
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many connections within the window.
const CONNECTIONS: u64 = 30;

pub(in crate::behaviour) const BRUTE_FORCE: Counter = Counter {
    meta,
    kind: LogKind::VpcFlow,
    call: every,
    width: WINDOW,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "remote-access-brute-force",
        title: "Passwords guessed: many connections to SSH or remote desktop within minutes",
        description: "One address opened connection after connection to the port of SSH or of remote desktop, and was let through to it. That is how passwords are guessed.",
        severity: Severity::Medium,
        tactic: Tactic::CredentialAccess,
        techniques: &["T1110"],
        guardduty: Some("UnauthorizedAccess:EC2/SSHBruteForce"),
        falsepositives: &["A configuration manager that runs many commands over SSH", "Monitoring that checks the port every few seconds"],
        next: "Does one of the connections last or carry more than the others? Then somebody is in: isolate the host. Close the port to the world",
        playbook: "compromised-instance",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    let Some(flow) = Flow::of(look) else { return };
    if flow.accepted && flow.protocol == 6 && matches!(flow.port, 22 | 3389) {
        let port = look.number(&["srcport"]).unwrap_or_default().to_string();
        count(Sight {
            who: &flow.from,
            whom: &flow.to,
            number: flow.port,
            value: &port,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    // A connection has a port of its own at the sender's: a long one that is cut into many records has one.
    let enough = stretch.count >= CONNECTIONS && stretch.distinct as u64 >= CONNECTIONS;
    (enough && stretch.days_before < 3).then(|| {
        let what = if stretch.number == 22 {
            "SSH"
        } else {
            "remote desktop"
        };
        let usual = match stretch.usual {
            None => "none before in these logs".to_owned(),
            Some(most) => format!("at most {most} before"),
        };
        format!(
            "Passwords guessed: {} connections of {} to {what} of {} within {}; {usual}",
            stretch.count,
            stretch.who,
            stretch.whom,
            length(stretch.took)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::flow;
    use super::*;
    use serde_json::json;

    #[test]
    fn connection_after_connection_is_a_guess() {
        let guesses: Vec<_> = (0..40)
            .map(|n| flow(n * 5, "203.0.113.9", "10.0.2.9", 22, json!({})))
            .collect();
        assert_eq!(
            counted(&BRUTE_FORCE, &guesses),
            [
                "Passwords guessed: 40 connections of 203.0.113.9 to SSH of 10.0.2.9 within 3 min; none before in these logs"
            ]
        );
        let refused: Vec<_> = (0..40)
            .map(|n| {
                flow(
                    n * 5,
                    "203.0.113.9",
                    "10.0.2.9",
                    22,
                    json!({"action": "REJECT"}),
                )
            })
            .collect();
        assert!(counted(&BRUTE_FORCE, &refused).is_empty());
        let one_long: Vec<_> = (0..40)
            .map(|n| {
                flow(
                    n * 5,
                    "203.0.113.9",
                    "10.0.2.9",
                    22,
                    json!({"srcport": 50_000}),
                )
            })
            .collect();
        assert!(counted(&BRUTE_FORCE, &one_long).is_empty());
        let web: Vec<_> = (0..40)
            .map(|n| flow(n * 5, "203.0.113.9", "10.0.2.9", 443, json!({})))
            .collect();
        assert!(counted(&BRUTE_FORCE, &web).is_empty());
    }
}
