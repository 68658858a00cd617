//! Rules that can never match: they name a field that their log does not have, a call that no service has, a
//! member that no request of the call has.
//!
//! Owns the asking. What can occur is `vocabulary.rs`'s.

use stockade_model::LogKind;

use crate::load::Rule;
use crate::sigma::{Item, Subject, Test};
use crate::vocabulary::{self, Known, Member};

/// What of a rule can never occur.
pub(crate) fn faults(rule: &Rule) -> Vec<String> {
    let mut items = Vec::new();
    rule.node.items(&mut |item| items.push(item));
    let mut found = if rule.kinds.contains(&LogKind::CloudTrail) {
        calls(&items)
    } else {
        Vec::new()
    };
    let mut names = Vec::new();
    rule.node.fields(&mut |name| names.push(name.to_owned()));
    names.sort();
    names.dedup();
    found.extend(names.iter().filter_map(|name| field(rule, &items, name)));
    found
}

/// The texts that a field is held to, where they are plain; `None` where one is not.
fn literals<'a>(items: &[&'a Item], field: &str) -> Option<Vec<&'a str>> {
    let mut found = Vec::new();
    for item in items.iter().filter(|item| is_of(item, field)) {
        for test in item.tests.iter().flatten() {
            let Test::Text(pattern) = test else {
                return None;
            };
            found.push(pattern.literal()?);
        }
    }
    Some(found)
}

fn is_of(item: &Item, field: &str) -> bool {
    matches!(&item.subject, Subject::Field(path) if path.name() == field)
}

/// Sources and names that no service of AWS has.
fn calls(items: &[&Item]) -> Vec<String> {
    let mut found = Vec::new();
    let sources = literals(items, "eventSource");
    for source in sources.iter().flatten() {
        if !source.contains('.') {
            found.push(format!(
                "`eventSource` can never be `{source}`: it is written like iam.amazonaws.com"
            ));
        }
    }
    // Where a source is not plain, any service may be meant.
    let shorts: Vec<&str> = sources
        .iter()
        .flatten()
        .filter_map(|source| vocabulary::short(source))
        .collect();
    for item in items.iter().filter(|item| is_of(item, "eventName")) {
        for test in item.tests.iter().flatten() {
            let Test::Text(pattern) = test else { continue };
            let begins = pattern.beginning();
            let fits = |shown: &str| match (pattern.literal(), begins) {
                (Some(name), _) => vocabulary::is_name(name, shown),
                // `CreateFunction2015` begins the name with its version.
                (None, Some(begins)) => {
                    pattern.matches(shown)
                        || begins.trim_end_matches(|c: char| c.is_ascii_digit()) == shown
                }
                (None, None) => pattern.matches(shown),
            };
            let near = pattern.literal().and_then(vocabulary::nearly);
            let name = begins.unwrap_or("this pattern");
            match (vocabulary::call(&shorts, &fits), near) {
                (Known::No, _) => found.push(format!(
                    "`eventName` can never be `{name}`: no call of {} is called so",
                    shorts.join(" or ")
                )),
                (Known::Unknown, Some(near)) => found.push(format!(
                    "`eventName` can never be `{name}`: is `{near}` meant?"
                )),
                _ => {}
            }
        }
    }
    found
}

fn field(rule: &Rule, items: &[&Item], name: &str) -> Option<String> {
    if let Some(known) = vocabulary::derived(name) {
        return (!known).then(|| {
            format!(
                "`{name}` is no field that is worked out: see docs/reference/detector-fields.md"
            )
        });
    }
    let mut steps = name.split(['.', '[']);
    let first = steps.next()?;
    let can = |kind: &LogKind| {
        let whole = vocabulary::member(*kind, name);
        whole == Some(true) || vocabulary::member(*kind, first) != Some(false)
    };
    if !rule.kinds.iter().any(can) {
        let kinds: Vec<&str> = rule.kinds.iter().map(|kind| kind.as_str()).collect();
        return Some(format!(
            "`{name}` can never occur: records of {} have no `{first}`",
            kinds.join(", ")
        ));
    }
    if rule.kinds != [LogKind::CloudTrail] {
        return None;
    }
    let second = steps.next()?.trim_end_matches(']');
    match first {
        "userIdentity" if !vocabulary::identity(second) => Some(format!(
            "`{name}` can never occur: `userIdentity` has no `{second}`"
        )),
        "requestParameters" => parameter(items, name, second),
        _ => None,
    }
}

/// A member that none of the calls' requests has.
fn parameter(items: &[&Item], name: &str, member: &str) -> Option<String> {
    let sources = literals(items, "eventSource")?;
    let names = literals(items, "eventName")?;
    if sources.is_empty() || names.is_empty() {
        return None;
    }
    let mut asked = false;
    for source in &sources {
        let short = vocabulary::short(source)?;
        for call in &names {
            match vocabulary::parameter(short, call, member) {
                Member::Yes | Member::Unknown => return None,
                Member::No => asked = true,
                // Of another of the sources, perhaps.
                Member::NoCall => {}
            }
        }
    }
    asked.then(|| {
        format!(
            "`{name}` can never occur: no request of {} has a member `{member}`",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::hunt::RuleSet;

    fn faults(logsource: &str, lines: &str) -> Vec<String> {
        let rules = RuleSet::load_text(
            "r",
            &format!(
                "title: T\nid: r\nlogsource: {{{logsource}}}\ndetection:\n  s: {{{lines}}}\n  condition: s\n"
            ),
        );
        assert!(rules.problems().is_empty(), "{:?}", rules.problems());
        rules.impossible("r")
    }

    #[test]
    fn what_can_never_occur_is_named() {
        const TRAIL: &str = "product: aws, service: cloudtrail";
        for (logsource, lines, part) in [
            (TRAIL, "eventname: CreateUser", "have no `eventname`"),
            (
                TRAIL,
                "eventName: CreateUserr, eventSource: iam.amazonaws.com",
                "no call of iam",
            ),
            (TRAIL, "eventName: CreatteUser", "is `createuser` meant"),
            (TRAIL, "eventSource: iam", "written like iam.amazonaws.com"),
            (
                TRAIL,
                "userIdentity.user: x",
                "`userIdentity` has no `user`",
            ),
            (
                TRAIL,
                "eventSource: iam.amazonaws.com, eventName: CreateUser, requestParameters.usrName: x",
                "member `usrName`",
            ),
            (
                TRAIL,
                "stockade.publik: true",
                "no field that is worked out",
            ),
            (
                "product: aws, service: vpcflow",
                "dst_port: 22",
                "vpc-flow have no `dst_port`",
            ),
            (
                "product: aws, service: route53",
                "query: x",
                "have no `query`",
            ),
        ] {
            let found = faults(logsource, lines);
            assert_eq!(found.len(), 1, "{lines} {found:?}");
            assert!(found[0].contains(part), "{found:?}");
        }
        for lines in [
            "eventName: CreateFunction20150331, eventSource: lambda.amazonaws.com, requestParameters.functionName: x",
            "eventName: RunInstances, eventSource: ec2.amazonaws.com, requestParameters.instancesSet.items.imageId: x",
            "eventName|startswith: Create",
            "eventName: ConsoleLogin, additionalEventData.MFAUsed: 'No', responseElements.ConsoleLogin: Success",
            "eventSource: kms.amazonaws.com, eventName: RotateKey",
            "stockade.open_to_all: true",
        ] {
            assert!(
                faults(TRAIL, lines).is_empty(),
                "{lines} {:?}",
                faults(TRAIL, lines)
            );
        }
    }

    #[test]
    fn names_that_other_products_have_too_are_known_by_category() {
        let found = |logsource: &str, lines: &str| faults(logsource, lines);
        assert!(found("category: dns", "query|endswith: .example").is_empty());
        assert!(found("category: firewall", "dst_port: 22, src_ip: 10.0.0.1").is_empty());
        assert!(
            found(
                "category: webserver",
                "cs-method: GET, c-uri|contains: passwd"
            )
            .is_empty()
        );
    }
}
