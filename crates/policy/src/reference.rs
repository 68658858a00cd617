//! A second evaluator, slow and plain, that reads like AWS's published evaluation order. It shares no code with
//! the engine: it walks the JSON documents as they are. The cases and a property hold the engine to it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

/// `Allowed`, `ExplicitlyDenied` or `ImplicitlyDenied`, by the name of the policy type.
pub(crate) type Answer = (&'static str, Option<&'static str>);

pub(crate) struct Question<'a> {
    /// An ARN, a service's name, or `Anonymous`.
    pub(crate) principal: &'a str,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) account: &'a str,
    /// Keys in lower case.
    pub(crate) context: &'a BTreeMap<String, Vec<String>>,
    pub(crate) identity: &'a [Value],
    pub(crate) resource_policy: Option<&'a Value>,
    /// The resource is a role or a KMS key.
    pub(crate) must_be_allowed_by_resource: bool,
    pub(crate) boundary: &'a [Value],
    pub(crate) session: &'a [Value],
    pub(crate) scps: &'a [Vec<Value>],
    pub(crate) rcps: &'a [Vec<Value>],
    pub(crate) endpoint: &'a [Value],
}

pub(crate) fn answer(q: &Question<'_>) -> Answer {
    let caller_account = account_of(q.principal);
    let owner = match (q.account, q.resource.split(':').nth(4)) {
        ("", None | Some("") | Some("aws")) => caller_account.unwrap_or(""),
        ("", Some(account)) => account,
        (account, _) => account,
    };
    let same_account = caller_account == Some(owner);
    let is_root = q.principal.ends_with(":root");
    let is_federated_user = q.principal.contains(":federated-user/");
    if ["sts:GetCallerIdentity", "sts:GetSessionToken"]
        .iter()
        .any(|a| a.eq_ignore_ascii_case(q.action))
    {
        return ("Allowed", None);
    }

    // 1. An explicit deny in any policy. Organisations bind neither services, strangers nor service-linked roles.
    let is_service_linked = q.principal.contains(":role/aws-service-role/");
    let none: &[Vec<Value>] = &[];
    let (scps, rcps) = match (caller_account, is_service_linked) {
        (_, true) => (none, none),
        (None, false) => (none, q.rcps),
        (Some(_), false) => (q.scps, q.rcps),
    };
    let any = |policies: &[Value], effect: &str| policies.iter().any(|p| says(q, p, effect));
    let any_named = |policies: &[Value], effect: &str| {
        let named = |p: &Value| !reaches(q, p, effect, false).is_empty();
        policies.iter().any(named)
    };
    if scps.iter().any(|level| any(level, "Deny")) {
        return ("ExplicitlyDenied", Some("scp"));
    }
    if rcps.iter().any(|level| any_named(level, "Deny")) {
        return ("ExplicitlyDenied", Some("rcp"));
    }
    if any_named(q.endpoint, "Deny") {
        return ("ExplicitlyDenied", Some("endpoint"));
    }
    let bounded = !q.boundary.is_empty();
    // A bucket's owner keeps a way in.
    let never_locked_out = is_root && same_account && is_bucket_policy_call(q.action);
    if !never_locked_out
        && q.resource_policy
            .is_some_and(|p| !reaches(q, p, "Deny", bounded).is_empty())
    {
        return ("ExplicitlyDenied", Some("resource"));
    }
    for (policies, name) in [
        (q.identity, "identity"),
        (q.boundary, "boundary"),
        (q.session, "session"),
    ] {
        if any(policies, "Deny") {
            return ("ExplicitlyDenied", Some(name));
        }
    }

    // 2. Service control policies: every level must allow. (Of resource control policies each level has AWS's full access.)
    //    The endpoint's policies, where the request came through one.
    if !scps.iter().all(|level| any(level, "Allow")) {
        return ("ImplicitlyDenied", Some("scp"));
    }
    if !q.endpoint.is_empty() && !any_named(q.endpoint, "Allow") {
        return ("ImplicitlyDenied", Some("endpoint"));
    }

    // 3. The resource's policy.
    let granted = q
        .resource_policy
        .map_or(Vec::new(), |p| reaches(q, p, "Allow", bounded));
    let to_caller = granted.contains(&"caller");
    let to_role = granted.contains(&"role");
    let to_account = granted.contains(&"account");
    if caller_account.is_none() {
        return if !granted.is_empty() {
            ("Allowed", Some("resource"))
        } else {
            ("ImplicitlyDenied", Some("resource"))
        };
    }
    let boundary_allows = !bounded || any(q.boundary, "Allow");
    let session_allows = if is_federated_user || !q.session.is_empty() {
        any(q.session, "Allow")
    } else {
        true
    };
    let identity_allows = is_root || any(q.identity, "Allow");
    let limit = || {
        if boundary_allows {
            "session"
        } else {
            "boundary"
        }
    };
    if same_account {
        if to_caller {
            return ("Allowed", Some("resource"));
        }
        if to_role {
            return if boundary_allows && session_allows {
                ("Allowed", Some("resource"))
            } else {
                ("ImplicitlyDenied", Some(limit()))
            };
        }
        if q.must_be_allowed_by_resource && !to_account {
            return ("ImplicitlyDenied", Some("resource"));
        }
    }

    // 4. The caller's own policies, 5. the boundary, 6. the session's.
    if !identity_allows {
        return ("ImplicitlyDenied", Some("identity"));
    }
    if !boundary_allows || !session_allows {
        return ("ImplicitlyDenied", Some(limit()));
    }
    if !same_account && granted.is_empty() {
        return ("ImplicitlyDenied", Some("resource"));
    }
    if is_root && !any(q.identity, "Allow") {
        return ("Allowed", (!granted.is_empty()).then_some("resource"));
    }
    ("Allowed", Some("identity"))
}

/// Whom a provider vouches for has no account yet, nor have services and strangers.
fn account_of(principal: &str) -> Option<&str> {
    let has_account = principal.starts_with("arn:") && !principal.contains("-provider/");
    has_account.then(|| principal.split(':').nth(4).unwrap())
}

fn is_bucket_policy_call(action: &str) -> bool {
    let action = action.to_lowercase();
    ["get", "put", "delete"]
        .iter()
        .any(|verb| action == format!("s3:{verb}bucketpolicy"))
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

fn statements(policy: &Value) -> Vec<&Value> {
    list(&policy["Statement"])
}

/// Whether a policy has a statement of this effect that matches, principals aside.
fn says(q: &Question<'_>, policy: &Value, effect: &str) -> bool {
    statements(policy)
        .into_iter()
        .any(|s| s["Effect"] == effect && applies(q, policy, s))
}

fn applies(q: &Question<'_>, policy: &Value, s: &Value) -> bool {
    let variables = policy["Version"] == "2012-10-17";
    let action = |name: &str| {
        list(&s[name]).into_iter().any(|a| {
            like(
                &a.as_str().unwrap().to_lowercase(),
                &q.action.to_lowercase(),
            )
        })
    };
    let resource = |name: &str| {
        list(&s[name])
            .into_iter()
            .any(|r| resource_like(q, r.as_str().unwrap(), q.resource, variables))
    };
    let unresolved = || {
        list(&s["NotResource"])
            .into_iter()
            .any(|r| expand(q, r.as_str().unwrap(), variables, false).is_none())
    };
    let action = if s.get("NotAction").is_some() {
        !action("NotAction")
    } else {
        action("Action")
    };
    let resource = if s.get("NotResource").is_some() {
        // A variable without a value makes the whole statement invalid.
        !resource("NotResource") && !unresolved()
    } else {
        s.get("Resource").is_none() || resource("Resource")
    };
    let empty = serde_json::Map::new();
    let conditions = s["Condition"].as_object().unwrap_or(&empty);
    action
        && resource
        && conditions.iter().all(|(operator, keys)| {
            keys.as_object()
                .unwrap()
                .iter()
                .all(|(key, values)| condition(q, operator, key, &list(values), variables))
        })
}

/// How the statements of a resource's policy that match name the caller: `caller`, `role`, `account`.
fn reaches(q: &Question<'_>, policy: &Value, effect: &str, bounded: bool) -> Vec<&'static str> {
    let mut found = Vec::new();
    for s in statements(policy) {
        if s["Effect"] != effect || !applies(q, policy, s) {
            continue;
        }
        if let Some(listed) = s.get("NotPrincipal") {
            let names = names_of(listed);
            let of_caller = names
                .iter()
                .any(|(kind, name)| matches!(reach(q, kind, name), Some("caller" | "role")));
            let of_account = names
                .iter()
                .any(|(kind, name)| reach(q, kind, name).is_some());
            let hit = match effect {
                "Deny" => bounded || !of_caller,
                _ => !of_account,
            };
            found.extend(hit.then_some("caller"));
        } else if let Some(listed) = s.get("Principal") {
            found.extend(
                names_of(listed)
                    .iter()
                    .filter_map(|(kind, name)| reach(q, kind, name)),
            );
        }
    }
    found
}

fn names_of(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::String(name) => vec![("AWS".to_owned(), name.clone())],
        other => other
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(kind, names)| {
                list(names)
                    .into_iter()
                    .map(|n| (kind.clone(), n.as_str().unwrap().to_owned()))
                    .collect::<Vec<_>>()
            })
            .collect(),
    }
}

fn reach(q: &Question<'_>, kind: &str, name: &str) -> Option<&'static str> {
    let parts: Vec<&str> = q.principal.split(':').collect();
    if kind == "CanonicalUser" {
        let own = q.context.get("stockade:canonicaluserid");
        return own.is_some_and(|own| own == &[name]).then_some("account");
    }
    if kind != "AWS" {
        return (name == q.principal).then_some("caller");
    }
    // A role itself stands for a session of it without a name.
    if name == q.principal && q.principal.contains(":role/") {
        return Some("role");
    }
    if name == "*" || name == q.principal {
        return Some("caller");
    }
    let account = account_of(q.principal)?;
    if name == account || name == format!("arn:aws:iam::{account}:root") {
        let root = parts[5] == "root";
        return Some(if root { "caller" } else { "account" });
    }
    let words: Vec<&str> = parts[5].split('/').collect();
    let behind = match words[0] {
        "assumed-role" => format!("arn:aws:iam::{account}:role/{}", words[1]),
        "federated-user" => format!("arn:aws:iam::{account}:user/{}", words[1]),
        _ => return None,
    };
    (name == behind).then_some("role")
}

fn condition(
    q: &Question<'_>,
    operator: &str,
    key: &str,
    values: &[&Value],
    variables: bool,
) -> bool {
    let operator = operator.to_lowercase();
    let (set, rest) = operator.split_once(':').unwrap_or(("", &operator));
    let (name, if_exists) = match rest.strip_suffix("ifexists") {
        Some(name) => (name, true),
        None => (rest, false),
    };
    let (name, negated) = match name.replacen("not", "", 1) {
        positive if positive == name => (name.to_owned(), false),
        positive => (positive, true),
    };
    let present = q.context.get(&key.to_lowercase());
    let values: Vec<String> = values
        .iter()
        .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        .collect();
    if name == "null" {
        let expected = if present.is_some() { "false" } else { "true" };
        return values.iter().any(|v| v.eq_ignore_ascii_case(expected));
    }
    // A set of nothing but empty texts is an empty one.
    let present = present.filter(|p| set.is_empty() || p.iter().any(|v| !v.is_empty()));
    let Some(present) = present else {
        return set == "forallvalues" || (set.is_empty() && (negated || if_exists));
    };
    let takes_variables = name.starts_with("string") || name.starts_with("arn");
    let unresolved = |v: &String| expand(q, v, variables, true).is_none();
    if negated && takes_variables && values.iter().any(unresolved) {
        return false;
    }
    let one = |actual: &String| {
        values
            .iter()
            .any(|v| compare(q, &name, v, actual, variables))
            != negated
    };
    if set == "forallvalues" || (set.is_empty() && negated) {
        present.iter().all(one)
    } else {
        present.iter().any(one)
    }
}

fn compare(q: &Question<'_>, name: &str, policy: &str, actual: &str, variables: bool) -> bool {
    let number = |order: fn(Ordering) -> bool| match (policy.parse::<f64>(), actual.parse::<f64>())
    {
        (Ok(p), Ok(a)) => order(a.partial_cmp(&p).unwrap()),
        _ => false,
    };
    let date = |order: fn(Ordering) -> bool| {
        let read = |t: &str| t.parse::<jiff::Timestamp>();
        match (read(policy), read(actual)) {
            (Ok(p), Ok(a)) => order(a.cmp(&p)),
            _ => false,
        }
    };
    match name {
        "stringequals" => expand(q, policy, variables, true).is_some_and(|p| unmark(&p) == actual),
        "stringequalsignorecase" => expand(q, policy, variables, true)
            .is_some_and(|p| unmark(&p).to_lowercase() == actual.to_lowercase()),
        "stringlike" => expand(q, policy, variables, false).is_some_and(|p| like(&p, actual)),
        "arnequals" | "arnlike" => {
            // Six parts must stand; the colons of variables do not count.
            let plain = expand(q, policy, variables, false).unwrap_or_default();
            plain.matches(':').count() >= 5 && arn_like(q, policy, actual, variables)
        }
        "bool" => {
            ["true", "false"]
                .iter()
                .any(|b| b.eq_ignore_ascii_case(policy))
                && policy.eq_ignore_ascii_case(actual)
        }
        // What is no base64 is like nothing.
        "binaryequals" => policy == actual && policy.len().is_multiple_of(4),
        "ipaddress" => {
            let net = policy
                .parse::<ipnet::IpNet>()
                .or_else(|_| policy.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
            match (net, actual.parse::<std::net::IpAddr>()) {
                (Ok(net), Ok(address)) => net.contains(&address),
                _ => false,
            }
        }
        "numericequals" => number(Ordering::is_eq),
        "numericlessthan" => number(Ordering::is_lt),
        "numericlessthanequals" => number(Ordering::is_le),
        "numericgreaterthan" => number(Ordering::is_gt),
        "numericgreaterthanequals" => number(Ordering::is_ge),
        "dateequals" => date(Ordering::is_eq),
        "datelessthan" => date(Ordering::is_lt),
        "datelessthanequals" => date(Ordering::is_le),
        "dategreaterthan" => date(Ordering::is_gt),
        "dategreaterthanequals" => date(Ordering::is_ge),
        other => panic!("no operator {other}"),
    }
}

/// Literal `*` and `?` are marked with private characters while wildcards are about.
const STAR: char = '\u{E000}';
const MARK: char = '\u{E001}';

fn mark(text: &str) -> String {
    text.replace('*', &STAR.to_string())
        .replace('?', &MARK.to_string())
}

fn unmark(text: &str) -> String {
    text.replace(STAR, "*").replace(MARK, "?")
}

/// Fills the variables in; `literal` where `*` and `?` are no wildcards.
fn expand(q: &Question<'_>, text: &str, variables: bool, literal: bool) -> Option<String> {
    let plain = |t: &str| if literal { mark(t) } else { t.to_owned() };
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${").filter(|_| variables) {
        let brace = rest[start..].find('}');
        // A quoted default may hold a brace.
        let quote = rest[start..]
            .find(", '")
            .filter(|at| brace.is_some_and(|end| *at < end));
        let end = match quote {
            Some(at) => {
                let open = at + ", '".len();
                rest[start + open..].find("'}").map(|end| open + end + 1)
            }
            None => brace,
        };
        let Some(end) = end else {
            break;
        };
        out += &plain(&rest[..start]);
        let inside = &rest[start + 2..start + end];
        rest = &rest[start + end + 1..];
        if matches!(inside, "*" | "?" | "$") {
            out += &mark(inside);
            continue;
        }
        let (key, default) = match inside.split_once(", '") {
            Some((key, default)) => (key, Some(default.trim_end_matches('\''))),
            None => (inside, None),
        };
        match q.context.get(&key.to_lowercase()).map(Vec::as_slice) {
            Some([value]) => out += &mark(value),
            Some(_) => return None,
            None => out += &mark(default?),
        }
    }
    Some(out + &plain(rest))
}

/// A `Resource`: each part by itself, parts that are missing standing for anything; or with `*` at the end of a part
/// reaching over the colon.
fn resource_like(q: &Question<'_>, pattern: &str, actual: &str, variables: bool) -> bool {
    if pattern == "*" || arn_like(q, pattern, actual, variables) {
        return true;
    }
    let Some(text) = expand(q, pattern, variables, false) else {
        return false;
    };
    let symbols: Vec<char> = text.chars().collect();
    reaching_like(&symbols, 0, actual)
}

/// `colons`: how many of the pattern's are behind us. After the fifth a wildcard takes colons too.
fn reaching_like(pattern: &[char], colons: usize, text: &str) -> bool {
    let takes_colons = colons >= 5 || matches!(pattern.get(1), None | Some(':'));
    match pattern.first() {
        None => text.is_empty(),
        Some('*') => {
            let end = if takes_colons {
                text.len()
            } else {
                text.find(':').unwrap_or(text.len())
            };
            (0..=end)
                .filter(|i| text.is_char_boundary(*i))
                .any(|i| reaching_like(&pattern[1..], colons, &text[i..]))
        }
        Some(symbol) => {
            let mut rest = text.chars();
            rest.next().is_some_and(|actual| {
                let hit = match symbol {
                    '?' => colons >= 5 || actual != ':',
                    other => unmark(&other.to_string()) == actual.to_string(),
                };
                let colons = colons + usize::from(*symbol == ':');
                hit && reaching_like(&pattern[1..], colons, rest.as_str())
            })
        }
    }
}

fn arn_like(q: &Question<'_>, pattern: &str, actual: &str, variables: bool) -> bool {
    // A variable holds no colon of the ARN's own: hide those of keys while splitting.
    let mut depth = 0;
    let hidden: String = pattern
        .chars()
        .map(|c| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            if c == ':' && depth > 0 && variables {
                '\u{E002}'
            } else {
                c
            }
        })
        .collect();
    let parts: Vec<String> = hidden
        .splitn(6, ':')
        .map(|p| p.replace('\u{E002}', ":"))
        .collect();
    let actual: Vec<&str> = actual.splitn(6, ':').collect();
    parts[0] == "arn"
        && actual.len() == 6
        && actual[0] == "arn"
        && (1..6).all(|i| {
            let part = parts.get(i).map_or("*", String::as_str);
            expand(q, part, variables, false).is_some_and(|p| like(&p, actual[i]))
        })
}

fn like(pattern: &str, text: &str) -> bool {
    let mut p = pattern.chars();
    match p.next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len())
            .filter(|i| text.is_char_boundary(*i))
            .any(|i| like(p.as_str(), &text[i..])),
        Some(c) => {
            let mut t = text.chars();
            let c = unmark(&c.to_string())
                .chars()
                .next()
                .filter(|_| c != '?')
                .unwrap_or('\0');
            match t.next() {
                Some(actual) => (c == '\0' || c == actual) && like(p.as_str(), t.as_str()),
                None => false,
            }
        }
    }
}
