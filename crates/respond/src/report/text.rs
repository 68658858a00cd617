//! Plain text for a terminal.

use std::fmt::Write as _;

use super::{Report, span};
use crate::fact::Fact;
use crate::journal::Stage;
use crate::plan::{Plan, Requirement, Work};
use crate::run::RunReport;
use crate::triage::{Caller, UserFacts};
use crate::undo::{UndoReport, Undone};
use crate::verify::Verdict;

/// Writing to a text cannot fail.
macro_rules! line {
    ($to:expr) => { $to.push('\n') };
    ($to:expr, $($arg:tt)*) => { let _ = writeln!($to, $($arg)*); };
}

/// Without control characters, and without those that turn the direction of text: names and user agents are the
/// attacker's own words, and must not speak to the terminal.
fn visible(text: String) -> String {
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(hidden) {
        return text;
    }
    text.chars()
        .map(|c| if hidden(c) { '·' } else { c })
        .collect()
}

fn indented(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}\n")).collect()
}

fn needs(requirement: &Requirement) -> String {
    match requirement {
        Requirement::CleanSoak { since, hours } => format!(
            "a clean soak: contained for {hours} h without a break since {since:.0}, by the last verdict"
        ),
    }
}

fn list(out: &mut String, title: &str, items: &[String]) {
    if !items.is_empty() {
        line!(out, "{title}");
        for item in items {
            line!(out, "  - {item}");
        }
    }
}

/// A plan, to be read before it is approved.
pub fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    line!(out, "Plan {} to {} {}", plan.id(), plan.kind, plan.subject);
    line!(out, "Incident {}, made {:.0}", plan.incident, plan.created);
    line!(out);
    for step in &plan.steps {
        let one_way = if step.is_one_way() {
            "  [NO WAY BACK: needs an approval of its own]"
        } else {
            ""
        };
        line!(out, "{:>4}  {}{one_way}", step.id, step.title);
        line!(out, "      in account {}: {}", step.account, step.why);
        match &step.work {
            Work::Save(subjects) => {
                for subject in subjects {
                    line!(out, "      saves {}", subject.arn);
                }
            }
            Work::Change(change) => {
                line!(out, "      call   {} {}", change.call, change.call.input);
                if let Some(inverse) = &change.inverse {
                    line!(out, "      undo   {} {}", inverse, inverse.input);
                }
                line!(out, "      check  {}", change.check);
                out.push_str(&indented(&change.diff, "        "));
            }
            Work::Sweep(sweep) => {
                line!(out, "      may    {}", sweep.may);
            }
        }
        if step.settle > 0 {
            line!(
                out,
                "      then waits {} s until it counts everywhere",
                step.settle
            );
        }
        if let Some(one_way) = plan.covering(step).filter(|other| other.id != step.id) {
            line!(
                out,
                "      needs  the approval of step {}, for which it makes way",
                one_way.id
            );
        }
        if let Some(requirement) = &step.requires {
            line!(out, "      needs  {}", needs(requirement));
        }
    }
    line!(out);
    if plan.impact.is_empty() {
        line!(
            out,
            "Who is hurt: no honest caller is known of the last 30 days"
        );
    } else {
        line!(out, "Who is hurt, by the trail of the last 30 days:");
        for hurt in &plan.impact {
            line!(
                out,
                "  - {} from {} with {} ({} calls, last {:.0}): {}",
                hurt.identity,
                hurt.source_address,
                hurt.user_agent,
                hurt.calls,
                hurt.last,
                hurt.effect
            );
            line!(out, "    uses {}", hurt.actions.join(", "));
        }
    }
    list(&mut out, "Not known:", &plan.unknowns);
    list(&mut out, "Know before you approve:", &plan.notes);
    list(&mut out, "You do not lock yourself out:", &plan.lockout);
    line!(out);
    line!(out, "Hash to approve: {}", plan.hash());
    visible(out)
}

fn fact<T>(out: &mut String, name: &str, fact: &Fact<T>, show: impl FnOnce(&T) -> String) {
    match fact {
        Fact::Known(value) => {
            line!(out, "  {name:<22}{}", show(value));
        }
        Fact::Unknown { why } => {
            line!(out, "  {name:<22}UNKNOWN: {why}");
        }
    }
}

fn or_none(items: Vec<String>) -> String {
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

fn caller(out: &mut String, caller: &Caller) {
    let mark = match &caller.suspect {
        Some(why) => format!("  SUSPECT: {why}"),
        None => String::new(),
    };
    line!(
        out,
        "  {} {} from {} with {}{mark}",
        caller.identity,
        caller.access_key.as_deref().unwrap_or(""),
        caller.source_address,
        caller.user_agent
    );
    let mut actions = caller.actions_by_count();
    actions.truncate(8);
    line!(
        out,
        "      {} calls, {} refused, {:.0} to {:.0}: {}",
        caller.calls,
        caller.refused,
        caller.first,
        caller.last,
        actions.join(", ")
    );
}

/// What a triage found.
pub fn triage(facts: &UserFacts) -> String {
    let mut out = String::new();
    line!(out, "User {} ({})", facts.arn, facts.id);
    line!(
        out,
        "Triage of {:.0} by {}; nothing was changed",
        facts.at,
        facts.responder.arn
    );
    line!(out);
    let created = facts
        .created
        .map_or("unknown".to_owned(), |at| format!("{at:.0}"));
    line!(out, "  {:<22}{created}", "made");
    fact(&mut out, "access keys", &facts.keys, |keys| {
        or_none(
            keys.iter()
                .map(|key| {
                    let used = match &key.last_used {
                        Fact::Known(used) => used.at.map_or_else(
                            || "never used".to_owned(),
                            |at| {
                                format!(
                                    "last used {at:.0} with {}",
                                    used.service.as_deref().unwrap_or("?")
                                )
                            },
                        ),
                        Fact::Unknown { .. } => "last use unknown".to_owned(),
                    };
                    format!("{} {} ({used})", key.id, key.status)
                })
                .collect(),
        )
    });
    fact(
        &mut out,
        "console password",
        &facts.login_profile,
        |profile| if profile.is_some() { "yes" } else { "no" }.to_owned(),
    );
    fact(&mut out, "MFA devices", &facts.mfa, |mfa| {
        or_none(mfa.clone())
    });
    let names = |policies: &Vec<crate::triage::PolicyDocument>| {
        or_none(policies.iter().map(|p| p.name.clone()).collect())
    };
    fact(&mut out, "attached policies", &facts.attached, names);
    fact(&mut out, "inline policies", &facts.inline, names);
    fact(&mut out, "boundary", &facts.boundary, |boundary| {
        boundary
            .as_ref()
            .map_or("none".to_owned(), |b| b.name.clone())
    });
    fact(&mut out, "groups", &facts.groups, |groups| {
        or_none(groups.iter().map(|g| g.name.clone()).collect())
    });
    fact(&mut out, "tags", &facts.tags, |tags| {
        or_none(
            tags.iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
        )
    });
    let others = |list: &Vec<crate::triage::OtherCredential>| {
        or_none(
            list.iter()
                .map(|c| format!("{} {}", c.id, c.status))
                .collect(),
        )
    };
    fact(
        &mut out,
        "service credentials",
        &facts.service_credentials,
        others,
    );
    fact(&mut out, "SSH keys", &facts.ssh_keys, others);
    fact(&mut out, "certificates", &facts.certificates, others);
    fact(
        &mut out,
        "services used",
        &facts.service_access,
        |services| {
            let used = services
                .iter()
                .filter_map(|s| Some(format!("{} {:.0}", s.service, s.last?)));
            or_none(used.collect())
        },
    );
    fact(
        &mut out,
        "credential report",
        &facts.credential_report,
        |row| {
            let of = |name: &str| row.get(name).map_or("?", String::as_str);
            format!(
                "password {}, MFA {}",
                of("password_enabled"),
                of("mfa_active")
            )
        },
    );
    fact(
        &mut out,
        "organisation",
        &facts.organization,
        |organization| {
            organization.as_ref().map_or("in none".to_owned(), |o| {
                let scps = match &o.scps {
                    Fact::Known(()) => "we can write service control policies".to_owned(),
                    Fact::Unknown { why } => format!("no service control policies: {why}"),
                };
                format!("{} of {}; {scps}", o.id, o.management_account)
            })
        },
    );
    fact(&mut out, "AWS's quarantine", &facts.aws_quarantine, |q| {
        or_none(q.clone())
    });
    line!(out);
    match &facts.lineage {
        Fact::Unknown { why } => {
            line!(out, "Session lineage UNKNOWN: {why}");
        }
        Fact::Known(lineage) => {
            line!(out, "Session lineage, from {} events:", facts.events);
            for key in &lineage.keys {
                let how = match (&key.issued_how, &key.issued_by) {
                    (Some(how), Some(by)) => format!("  by {how} with {by}"),
                    (Some(how), None) => format!("  by {how}"),
                    _ => String::new(),
                };
                line!(out, "  {} {}{how}", key.id, key.principal);
            }
        }
    }
    if !facts.callers.is_empty() {
        line!(out, "Who uses the keys and sessions:");
        facts.callers.iter().for_each(|one| caller(&mut out, one));
    }
    if !facts.role_callers.is_empty() {
        line!(out, "Who else uses the roles:");
        facts
            .role_callers
            .iter()
            .for_each(|one| caller(&mut out, one));
    }
    let left: Vec<String> = facts
        .persistence
        .iter()
        .map(|left| {
            format!(
                "{} ({} {:.0})",
                crate::survey::describe(left),
                left.call,
                left.at
            )
        })
        .collect();
    list(&mut out, "Left behind:", &left);
    let secrets: Vec<String> = facts
        .secrets_read
        .iter()
        .map(|secret| format!("{} ({})", secret.name, secret.account))
        .collect();
    list(&mut out, "Secrets read, to be rotated:", &secrets);
    list(&mut out, "Not known:", &facts.unknowns());
    visible(out)
}

fn stage(stage: Option<Stage>) -> &'static str {
    match stage {
        None => "not begun",
        Some(Stage::Applying) => "applying",
        Some(Stage::Done) => "done",
        Some(Stage::Failed) => "FAILED",
        Some(Stage::Unknown) => "UNKNOWN",
        Some(Stage::Undoing) => "undoing",
        Some(Stage::Undone) => "undone",
        Some(Stage::UndoFailed) => "UNDO FAILED",
    }
}

/// What became of a run.
pub fn run(report: &RunReport) -> String {
    let mut out = String::new();
    let (done, open) = report.counts();
    line!(
        out,
        "Run of {}: {}, {done} steps done, {open} not",
        report.plan,
        report.outcome.as_str()
    );
    for step in &report.steps {
        line!(
            out,
            "{:>5}  {:<12}{}",
            step.id,
            stage(step.stage),
            step.title
        );
        if let Some(detail) = &step.detail {
            out.push_str(&indented(detail, "                   "));
        }
    }
    line!(out, "Next: {}", report.next);
    visible(out)
}

/// What became of an undo.
pub fn undo(report: &UndoReport) -> String {
    let mut out = String::new();
    line!(out, "Undo of {}", report.plan);
    for (id, title, undone) in &report.steps {
        let (word, more) = match undone {
            Undone::Undone => ("undone", None),
            Undone::Already => ("was so", None),
            Undone::Drift(diff) => ("DRIFT", Some(diff)),
            Undone::Failed(why) => ("FAILED", Some(why)),
            Undone::NotTried => ("not tried", None),
        };
        line!(out, "{id:>5}  {word:<12}{title}");
        if let Some(more) = more {
            out.push_str(&indented(more, "                   "));
        }
    }
    line!(out, "Next: {}", report.next);
    visible(out)
}

/// A verdict with its reasons.
pub fn verdict(verdict: &Verdict) -> String {
    let mut out = String::new();
    line!(out, "Verdict: {}", verdict.outcome);
    line!(
        out,
        "given {:.0}, of a containment complete {:.0}, counted from {:.0}{}",
        verdict.at,
        verdict.contained_at,
        verdict.from,
        if verdict.watched > 0 {
            format!(", watched for {} s", verdict.watched)
        } else {
            String::new()
        }
    );
    for layer in &verdict.layers {
        line!(out, "{}: {}", layer.name, layer.outcome);
        list(&mut out, "  against it:", &layer.evidence);
        list(&mut out, "  not known:", &layer.missing);
        list(&mut out, "  for it:", &layer.proved);
        list(&mut out, "  besides:", &layer.remarks);
    }
    line!(out, "Next: {}", verdict.next);
    visible(out)
}

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    line!(out, "{} {}: {}", report.id, report.title, report.status);
    line!(out, "Subject {}", report.subject);
    let times = &report.times;
    for (name, from, to) in [
        ("from attack to incident", times.attack_began, times.opened),
        (
            "from incident to containment",
            times.opened,
            times.contained,
        ),
        ("from containment to proof", times.contained, times.proved),
    ] {
        let span = span(from, to).unwrap_or_else(|| "not yet".to_owned());
        line!(out, "  {name:<30}{span}");
    }
    line!(out);
    line!(out, "Timeline");
    for entry in &report.timeline {
        line!(out, "  {:.0}  {:<9}{}", entry.at, entry.kind, entry.text);
    }
    if let Some(facts) = &report.facts {
        line!(out);
        out.push_str(&triage(facts));
    }
    for story in &report.plans {
        line!(out);
        out.push_str(&plan(&story.plan));
        for step in &story.steps {
            let trace = step.trace.as_ref();
            let at = trace.map_or(String::new(), |trace| format!("{:.0}", trace.at));
            line!(
                out,
                "{:>5}  {:<12}{at}  {}",
                step.step.id,
                stage(trace.map(|trace| trace.stage)),
                step.step.title
            );
        }
    }
    for given in &report.verdicts {
        line!(out);
        out.push_str(&verdict(given));
    }
    line!(out);
    line!(out, "Saved before the first write");
    for saved in &report.saved {
        line!(
            out,
            "  {:.0}  {}  sha256 {}",
            saved.at,
            saved.name,
            saved.sha256
        );
    }
    let head = report.journal_head.as_deref().unwrap_or("none");
    line!(
        out,
        "Journal: {} entries, chain intact, head {head}",
        report.journal_entries
    );
    visible(out)
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn the_attackers_words_do_not_speak_to_the_terminal() {
        let told =
            visible("from \u{1b}[2J\u{1b}]0;x\u{7} \u{9b}2J a\u{202e}b\r\n  - \tnext é\n".into());
        assert_eq!(told, "from ·[2J·]0;x· ·2J a·b·\n  - \tnext é\n");
    }
}
