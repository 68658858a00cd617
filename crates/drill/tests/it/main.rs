//! The drill, played: it is won by the plan's order, lost by the naive one, and the same each time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail where it stands"
)]

use std::sync::Mutex;

use stockade_drill::{
    Audience, Ending, Line, Met, Nobody, Options, Order, Outcome, Voice, compromised_user, report,
};
use stockade_respond::verify::Outcome as Proof;
use tokio::sync::OnceCell;

/// The drill by the plan's order: played once, looked at by every test.
async fn played() -> &'static Outcome {
    static PLAYED: OnceCell<Outcome> = OnceCell::const_new();
    PLAYED
        .get_or_init(|| async { compromised_user(Options::default(), &Nobody).await.unwrap() })
        .await
}

fn met(outcome: &Outcome, words: &str) -> Met {
    let found = outcome.score.iter().find(|c| c.name.contains(words));
    found
        .unwrap_or_else(|| panic!("no criterion speaks of `{words}`"))
        .met
}

#[tokio::test]
async fn the_plan_meets_every_criterion() {
    let outcome = played().await;
    for criterion in &outcome.score {
        assert_eq!(
            criterion.met,
            Met::Met,
            "{}: {}",
            criterion.name,
            criterion.how
        );
    }
    assert!(outcome.is_passed());
    let times = &outcome.times;
    let order = [
        times.attack_began,
        times.detected,
        times.approved,
        times.contained,
        Some(times.counted_from),
        times.recovered,
    ];
    let order: Vec<_> = order.into_iter().map(Option::unwrap).collect();
    assert!(order.is_sorted(), "{order:?}");
    assert!(times.first_finding >= times.attack_began && times.first_finding < times.detected);
}

#[tokio::test]
async fn race() {
    let plan = played().await;
    // The adversary is a real one: it got through while the plan was on its way, made users, took sessions.
    let won: Vec<&str> = plan
        .attacker
        .won_in_race
        .iter()
        .map(|deed| deed.call.as_str())
        .collect();
    for call in [
        "iam:CreateUser",
        "iam:CreateAccessKey",
        "sts:AssumeRole",
        "s3:GetObject",
    ] {
        assert!(won.contains(&call), "{won:?}");
    }
    assert!(
        plan.attacker.after.calls() > 300,
        "{:?}",
        plan.attacker.after
    );
    assert_eq!(plan.attacker.after.refused, plan.attacker.after.calls());
    assert_eq!(plan.verdict.as_ref().unwrap().outcome, Proof::Contained);

    let options = Options {
        order: Order::Naive,
        ..Options::default()
    };
    let naive = compromised_user(options, &Nobody).await.unwrap();
    assert_eq!(naive.verdict.as_ref().unwrap().outcome, Proof::NotContained);
    assert!(naive.attacker.after.done > 50, "{:?}", naive.attacker.after);
    let taken_off = |deed: &&stockade_drill::Deed| {
        deed.call == "iam:DeleteUserPolicy" && deed.ending == Ending::Done
    };
    assert!(
        naive
            .attacker
            .won_in_race
            .iter()
            .any(|deed| taken_off(&deed))
    );
    assert_eq!(met(&naive, "no success after"), Met::NotMet);
    assert_eq!(met(&naive, "The verdict"), Met::NotMet);
    assert_eq!(
        met(&naive, "nothing of the attacker's is left"),
        Met::Unknown
    );
    assert_eq!(met(&naive, "works, without a long-term key"), Met::Unknown);
    assert!(!naive.is_passed() && naive.left_behind.is_none());
    // Both had the same attack before them.
    assert_eq!(plan.attacker.before, naive.attacker.before);
}

#[tokio::test]
async fn a_door_that_the_plan_does_not_close_is_no_containment() {
    let options = Options {
        opens_doors: true,
        ..Options::default()
    };
    let outcome = compromised_user(options, &Nobody).await.unwrap();
    let verdict = outcome.verdict.as_ref().unwrap();
    assert_eq!(verdict.outcome, Proof::NotContained);
    let mut evidence = verdict.layers.iter().flat_map(|layer| &layer.evidence);
    assert!(
        evidence.any(|text| text.contains("trust policy of role ops")),
        "{verdict:?}"
    );
    assert!(outcome.attacker.after.done > 0, "the door is a real one");
    assert_eq!(met(&outcome, "The verdict"), Met::NotMet);
}

struct Lines(Mutex<Vec<Line>>);

impl Audience for Lines {
    fn hear(&self, line: &Line) {
        self.0.lock().unwrap().push(line.clone());
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_drill_and_it_is_told_as_it_happens() {
    let first = serde_json::to_string(played().await).unwrap();
    let lines = Lines(Mutex::default());
    let again = compromised_user(Options::default(), &lines).await.unwrap();
    let second = serde_json::to_string(&again).unwrap();
    let differs = first.bytes().zip(second.bytes()).position(|(a, b)| a != b);
    if let Some(place) = differs {
        let around =
            |text: &str| text[place.saturating_sub(80)..(place + 80).min(text.len())].to_owned();
        panic!("{}\n{}", around(&first), around(&second));
    }
    assert_eq!(first.len(), second.len());
    let heard = lines.0.into_inner().unwrap();
    assert_eq!(heard, again.lines);
    assert!(heard.len() <= 120, "{} lines", heard.len());
    let phases = heard
        .iter()
        .filter(|line| line.voice == Voice::Phase)
        .count();
    assert!((8..=14).contains(&phases));
    for line in &heard {
        assert!(
            line.text.chars().count() <= 200,
            "too long to read at night: {}",
            line.text
        );
    }
}

#[tokio::test]
async fn only_who_was_foretold_is_hurt() {
    let outcome = played().await;
    for caller in &outcome.honest {
        let is_app = caller.name == "orders application";
        assert_eq!(caller.failed > 0, is_app, "{caller:?}");
        assert_eq!(caller.foretold.is_some(), is_app, "{caller:?}");
        assert!(caller.done > 10, "{caller:?}");
    }
}

#[tokio::test]
async fn no_secret_and_no_file_of_ours_is_in_the_outcome_or_the_report() {
    let outcome = played().await;
    let json = serde_json::to_string(outcome).unwrap();
    let html = report::html(outcome);
    for text in [&json, &html] {
        for word in ["SecretAccessKey", "secretAccessKey", "/tmp", "127.0.0.1"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}

#[tokio::test]
async fn the_report_is_one_file_that_needs_nothing_else() {
    let outcome = played().await;
    let html = report::html(outcome);
    for word in ["http://", "https://", "<script", "<link", "@import", "src="] {
        assert!(!html.contains(word), "{word}");
    }
    for criterion in &outcome.score {
        assert!(
            html.contains(&criterion.name.replace('\'', "&#39;")) || html.contains(&criterion.name),
            "{}",
            criterion.name
        );
    }
    for run in &outcome.plans {
        assert!(html.contains(&run.hash), "{}", run.id);
        for step in &run.plan.steps {
            assert!(html.contains(&step.title), "{}", step.title);
        }
    }
    assert!(html.contains("prefers-color-scheme") && html.contains("@media print"));
}
