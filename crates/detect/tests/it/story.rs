//! The story of the real logs: who, from where, in which order.

use stockade_detect::{Lineage, RuleSet, stories};
use stockade_model::{Severity, Tactic};

use crate::logs::invictus;

#[test]
fn the_real_logs_tell_who_from_where_and_in_which_order() {
    let mut events = invictus();
    let rules = RuleSet::builtin();
    let findings = rules.hunt(&events);
    let told = stories(&findings, &events);

    let first = &told[0];
    assert_eq!(first.principal, "arn:aws:iam::123837392027:user/bert-jan");
    assert_eq!(first.severity, Severity::High);
    assert_eq!(first.addresses[0].value, "192.168.10.20");
    assert_eq!(first.keys[0].value, "AKIATFQR7NSC8Q4X20BJ");
    // Roles that the user took stand under the user, and so does what was tried with them.
    assert_eq!(first.became.len(), 5);
    assert!(
        first.became[0]
            .value
            .contains("stratus-red-team-ec2-get-password-data-role")
    );
    assert!(
        told.iter()
            .all(|story| !story.principal.contains("get-password-data-role"))
    );
    let order: Vec<Option<Tactic>> = first.tactics.iter().map(|phase| phase.tactic).collect();
    assert_eq!(
        order,
        [
            Tactic::CredentialAccess,
            Tactic::Execution,
            Tactic::DefenseEvasion,
            Tactic::Discovery,
            Tactic::Exfiltration,
            Tactic::Persistence,
            Tactic::PrivilegeEscalation,
        ]
        .map(Some)
    );
    let passwords = &first.tactics[0].steps[0];
    assert!(passwords.attempt && passwords.events == 29);
    assert_eq!(passwords.calls, ["GetPasswordData"]);
    assert!(
        passwords
            .targets
            .iter()
            .all(|target| target.starts_with("i-"))
    );

    // Stolen credentials of an instance: nobody's key took the role, but the address is known.
    let stolen = told
        .iter()
        .find(|story| story.principal.ends_with("/i-0dbc91f429e48eeed"))
        .unwrap();
    assert!(stolen.neighbours.contains(&first.principal));

    events.reverse();
    assert_eq!(rules.hunt(&events), findings);
    assert_eq!(stories(&findings, &events), told);
}

#[test]
fn the_lineage_of_the_real_user_holds_its_roles_and_the_keys_it_made() {
    let events = invictus();
    let by_key = Lineage::of_key(&events, "AKIATFQR7NSC8Q4X20BJ");
    assert!(by_key.keys.contains("ASIATFQR7NSCWLLE7IWW"));
    assert!(by_key.keys.contains("AKIATFQR7NSCQLA2F4OD"));
    assert_eq!(by_key.roots.len(), 1);
    assert!(
        by_key
            .principals
            .iter()
            .any(|p| p.ends_with(":user/malicious-iam-user"))
    );
    let by_user = Lineage::of_user(&events, "bert-jan");
    assert!(by_user.keys.is_superset(&by_key.keys));
    // Sessions of the console are the user's, and are not the key's.
    assert!(
        by_user.keys.contains("ASIATFQR7NSCUD2OWV6") || by_user.keys.len() > by_key.keys.len() + 50
    );
    let covered = events.iter().filter(|event| by_user.covers(event)).count();
    let own = events
        .iter()
        .filter(|event| event.principal().ends_with(":user/bert-jan"))
        .count();
    assert!(covered > own);
}
