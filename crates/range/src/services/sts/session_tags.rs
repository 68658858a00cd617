//! Session tags: their rules, and what a chained session takes over from the one before.
//!
//! Owns the rules of tags that come with a session. Tags of users and roles are IAM's.

use stockade_wire::AwsError;

use super::vouched;
use crate::call::Session;

/// How many tags a session may have.
const MOST: usize = 50;

/// Tags as sessions carry them, in the order in which they were given.
pub type Tags = Vec<(String, String)>;

fn invalid(why: &str) -> AwsError {
    AwsError::new(400, "InvalidParameterValue", why)
}

/// Refuses tags that break the rules: no key twice, none of AWS's own, not too many; and transitive keys must be among
/// them.
pub fn check(tags: &Tags, transitive: &[String]) -> Result<(), AwsError> {
    if tags.len() > MOST {
        return Err(invalid(
            "The number of session tags has reached the maximum limit of 50.",
        ));
    }
    for (at, (key, _)) in tags.iter().enumerate() {
        let twice = tags
            .iter()
            .skip(at + 1)
            .any(|(other, _)| other.eq_ignore_ascii_case(key));
        if twice {
            return Err(invalid(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(invalid(
                "Tag keys beginning with aws: are reserved for system use.",
            ));
        }
    }
    let given = |key: &String| tags.iter().any(|(own, _)| own.eq_ignore_ascii_case(key));
    if !transitive.iter().all(given) {
        return Err(invalid(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    Ok(())
}

/// The tags that an identity provider gives: each with one value, neither too long.
pub fn of_provider<'a>(
    given: impl IntoIterator<Item = (&'a str, Vec<String>)>,
) -> Result<Tags, AwsError> {
    let one = |(key, values): (&str, Vec<String>)| {
        let Ok([value]) = <[String; 1]>::try_from(values) else {
            return Err(vouched::invalid(format!(
                "The session tag {key} must have one value"
            )));
        };
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return Err(vouched::invalid(
                "A session tag's key has 1 to 128 characters, its value at most 256",
            ));
        }
        Ok((key.to_owned(), value))
    };
    given.into_iter().map(one).collect()
}

/// The tags that a session hands on.
pub fn handed_on(session: &Session) -> impl Iterator<Item = &(String, String)> {
    session.tags.iter().filter(|(key, _)| {
        session
            .transitive_tags
            .iter()
            .any(|transitive| transitive.eq_ignore_ascii_case(key))
    })
}

/// Adds what the session before hands on. It cannot be changed on the way.
pub fn inherit(session: &mut Session, before: &Session) -> Result<(), AwsError> {
    for (key, value) in handed_on(before) {
        if session
            .tags
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(key))
        {
            return Err(invalid(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
            ));
        }
        session.tags.push((key.clone(), value.clone()));
        session.transitive_tags.push(key.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(keys: &[&str]) -> Tags {
        keys.iter()
            .map(|key| ((*key).to_owned(), "v".to_owned()))
            .collect()
    }

    #[test]
    fn a_providers_tags_have_one_value_each() {
        let given = |key, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            of_provider([(key, values)])
        };
        assert_eq!(
            given("team", &["red"]).unwrap(),
            [("team".to_owned(), "red".to_owned())]
        );
        let (long, longer) = ("k".repeat(129), "v".repeat(257));
        for (key, values) in [
            ("team", vec![]),
            ("team", vec!["red", "blue"]),
            ("", vec!["red"]),
            (&*long, vec!["red"]),
            ("team", vec![&*longer]),
        ] {
            assert_eq!(
                given(key, &values).unwrap_err().code,
                "InvalidIdentityToken"
            );
        }
    }

    #[test]
    fn the_rules_hold() {
        check(&tags(&["a", "b"]), &["A".to_owned()]).unwrap();
        for (keys, transitive) in [
            (tags(&["a", "A"]), vec![]),
            (tags(&["AWS:x"]), vec![]),
            (tags(&["a"]), vec!["b".to_owned()]),
        ] {
            assert_eq!(
                check(&keys, &transitive).unwrap_err().code,
                "InvalidParameterValue"
            );
        }
        let many: Tags = (0..51).map(|n| (format!("k{n}"), String::new())).collect();
        assert!(check(&many, &[]).is_err());
    }
}
