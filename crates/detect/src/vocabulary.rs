//! Which names can occur in a log: the fields of each kind, the calls of each service, the members of each
//! call's request.
//!
//! Owns what is known of that, from the tables of AWS's services and of their actions, and the few names that
//! CloudTrail writes otherwise. Where nothing is known it says so: what is not known is not wrong.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use stockade_model::LogKind;
use stockade_policy::actions;
use stockade_wire::table;

use crate::fields::Derived;

/// Members of a CloudTrail record.
const CLOUDTRAIL: &[&str] = &[
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "eventType",
    "apiVersion",
    "managementEvent",
    "readOnly",
    "resources",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "eventCategory",
    "addendum",
    "sessionCredentialFromConsole",
    "edgeDeviceDetails",
    "tlsDetails",
    "eventContext",
    "insightDetails",
    "networkActivity",
];

/// Members of `userIdentity`.
const IDENTITY: &[&str] = &[
    "type",
    "principalId",
    "arn",
    "accountId",
    "accessKeyId",
    "userName",
    "sessionContext",
    "invokedBy",
    "identityProvider",
    "credentialId",
    "onBehalfOf",
    "inScopeOf",
    "invokedByDelegate",
];

/// Columns of flow logs.
const FLOW: &[&str] = &[
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
    "resource-id",
    "encryption-status",
];

/// Members of a resolver query.
const RESOLVER: &[&str] = &[
    "version",
    "account_id",
    "region",
    "vpc_id",
    "query_timestamp",
    "query_name",
    "query_type",
    "query_class",
    "rcode",
    "answers",
    "srcaddr",
    "srcport",
    "transport",
    "srcids",
    "firewall_rule_action",
    "firewall_rule_group_id",
    "firewall_domain_list_id",
];

/// Fields of S3's access logs.
const S3: &[&str] = &[
    "bucket_owner",
    "bucket",
    "time",
    "remote_ip",
    "requester",
    "request_id",
    "operation",
    "key",
    "request_uri",
    "http_status",
    "error_code",
    "bytes_sent",
    "object_size",
    "total_time",
    "turn_around_time",
    "referrer",
    "user_agent",
    "version_id",
    "host_id",
    "signature_version",
    "cipher_suite",
    "authentication_type",
    "host_header",
    "tls_version",
    "access_point_arn",
    "acl_required",
    "source_region",
];

/// Members of a WAF record.
const WAF: &[&str] = &[
    "timestamp",
    "formatVersion",
    "webaclId",
    "terminatingRuleId",
    "terminatingRuleType",
    "action",
    "terminatingRuleMatchDetails",
    "httpSourceName",
    "httpSourceId",
    "ruleGroupList",
    "rateBasedRuleList",
    "nonTerminatingMatchingRules",
    "requestHeadersInserted",
    "responseCodeSent",
    "httpRequest",
    "labels",
    "captchaResponse",
    "challengeResponse",
    "ja3Fingerprint",
    "ja4Fingerprint",
    "oversizeFields",
    "requestBodySize",
    "requestBodySizeInspectedByWAF",
];

/// Sources of CloudTrail that are called otherwise than their service's table.
const TABLE_OF: &[(&str, &str)] = &[
    ("monitoring", "cloudwatch"),
    ("sso", "sso-admin"),
    ("elasticloadbalancing", "elbv2"),
    ("access-analyzer", "accessanalyzer"),
    ("tagging", "resourcegroupstaggingapi"),
    ("cognito-idp", "cognito-idp"),
];

/// Sources of CloudTrail whose actions IAM knows by another prefix.
const ACTIONS_OF: &[(&str, &[&str])] = &[
    ("monitoring", &["cloudwatch"]),
    (
        "sso",
        &[
            "sso",
            "sso-directory",
            "identitystore",
            "identitystore-auth",
        ],
    ),
    ("sso-directory", &["sso-directory", "identitystore"]),
    ("ssm", &["ssm", "ssmmessages", "ec2messages"]),
    ("ssmmessages", &["ssmmessages"]),
    ("elasticmapreduce", &["elasticmapreduce"]),
    ("email", &["ses"]),
    ("ses", &["ses"]),
    ("s3", &["s3", "s3express"]),
    ("bedrock-runtime", &["bedrock"]),
    ("ec2-instance-connect", &["ec2-instance-connect"]),
    ("backup", &["backup", "backup-storage"]),
];

/// Names that CloudTrail has and no API does: S3's own names, what services write by themselves.
const MORE_EVENTS: &[(&str, &[&str])] = &[
    (
        "s3",
        &[
            "DeleteBucketCors",
            "DeleteBucketLifecycle",
            "DeleteBucketPolicy",
            "DeleteBucketReplication",
            "DeleteBucketTagging",
            "DeleteBucketWebsite",
            "DeleteBucketPublicAccessBlock",
            "DeleteAccountPublicAccessBlock",
            "GetAccountPublicAccessBlock",
            "GetBucketCors",
            "GetBucketLifecycle",
            "GetBucketPublicAccessBlock",
            "GetBucketReplication",
            "GetBucketWebsite",
            "PutAccountPublicAccessBlock",
            "PutBucketCors",
            "PutBucketLifecycle",
            "PutBucketPublicAccessBlock",
            "PutBucketReplication",
            "PutBucketNotification",
            "PutBucketWebsite",
            "PutBucketObjectLockConfiguration",
            "GetBucketObjectLockConfiguration",
            "ListObjects",
            "HeadObject",
            "HeadBucket",
            "ListVersions",
            "DeleteBucketEncryption",
            "PutBucketAccelerateConfiguration",
            "CompleteMultipartUpload",
            "InitiateMultipartUpload",
        ],
    ),
    (
        "signin",
        &[
            "ConsoleLogin",
            "CheckMfa",
            "PasswordRecoveryRequested",
            "PasswordRecoveryCompleted",
            "PasswordUpdated",
            "EmailUpdated",
            "SwitchRole",
            "ExitRole",
            "RenewRole",
            "GetSigninToken",
            "UserAuthentication",
            "CredentialChallenge",
            "CredentialVerification",
            "EnableMFA",
            "DisableMFA",
            "PasskeyCreated",
            "MfaDeviceAdded",
            "CreateOAuth2Token",
            "AuthorizeOAuth2Access",
        ],
    ),
    (
        "kms",
        &["DeleteKey", "RotateKey", "SynchronizeMultiRegionKey"],
    ),
    (
        "secretsmanager",
        &[
            "RotationSucceeded",
            "RotationFailed",
            "RotationStarted",
            "DeleteSecretVersion",
            "StartSecretVersionDelete",
            "EndSecretVersionDelete",
        ],
    ),
    (
        "organizations",
        &[
            "CreateAccountResult",
            "CloseAccountResult",
            "AccountJoinedOrganization",
            "AccountDepartedOrganization",
        ],
    ),
    (
        "ec2",
        &[
            "SharedSnapshotCopyInitiated",
            "SharedSnapshotVolumeCreated",
            "BidEvictedEvent",
            "BidFulfilledEvent",
            "SetDefaultCreditSpecification",
        ],
    ),
    ("guardduty", &["CreateSampleFindings"]),
    (
        "sso",
        &[
            "Authenticate",
            "Federate",
            "ListApplications",
            "ListProfilesForApplication",
            "GetRoleCredentials",
            "Logout",
        ],
    ),
    ("ssm", &["OpenDataChannel", "OpenControlChannel"]),
    ("account", &["EnableOptInRegion", "DisableOptInRegion"]),
    (
        "bedrock",
        &[
            "Converse",
            "ConverseStream",
            "InvokeModelWithBidirectionalStream",
        ],
    ),
];

/// What is known of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is a call of the source.
    Yes,
    /// It is none.
    No,
    /// Nothing is known of the source.
    Unknown,
}

/// Whether a kind's records can have a member of this name; none where that is not known.
pub(crate) fn member(kind: LogKind, name: &str) -> Option<bool> {
    let known: &[&str] = match kind {
        LogKind::CloudTrail => CLOUDTRAIL,
        LogKind::VpcFlow => FLOW,
        LogKind::ResolverQuery => RESOLVER,
        LogKind::S3Access => S3,
        LogKind::Waf => WAF,
        _ => return None,
    };
    Some(known.contains(&name))
}

/// Whether it is a field that is worked out; none where it does not look like one.
pub(crate) fn derived(name: &str) -> Option<bool> {
    name.starts_with("stockade.")
        .then(|| Derived::named(name).is_some())
}

/// Whether `userIdentity` can have this member.
pub(crate) fn identity(name: &str) -> bool {
    IDENTITY.contains(&name)
}

/// The source's short name: `iam` of `iam.amazonaws.com`.
pub(crate) fn short(source: &str) -> Option<&str> {
    let short = source.strip_suffix(".amazonaws.com")?;
    (!short.is_empty() && !short.contains('.')).then_some(short)
}

/// The name without the version that some services write after it.
fn plain(name: &str) -> &str {
    let Some(at) = name.find("20").filter(|at| *at > 0) else {
        return name;
    };
    let rest = name.get(at..).unwrap_or_default();
    let version = rest
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'v'));
    if version && rest.len() >= 8 {
        name.get(..at).unwrap_or(name)
    } else {
        name
    }
}

/// Every call that is known of a source, in lower case.
fn calls(short: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let named = TABLE_OF.iter().find(|(source, _)| *source == short);
    let name = named.map_or(short, |(_, table)| table);
    if let Some(service) = table::service(name) {
        all.extend(
            service
                .operations
                .keys()
                .map(|name| name.to_ascii_lowercase()),
        );
    }
    let own = [short];
    let prefixes = ACTIONS_OF
        .iter()
        .find(|(source, _)| *source == short)
        .map_or(&own[..], |(_, prefixes)| prefixes);
    for service in prefixes
        .iter()
        .filter_map(|prefix| actions::service(prefix))
    {
        all.extend(service.actions().map(|(name, _)| name.to_ascii_lowercase()));
    }
    for (source, names) in MORE_EVENTS {
        if *source == short {
            all.extend(names.iter().map(|name| name.to_ascii_lowercase()));
        }
    }
    all
}

static EVERY: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut all: BTreeSet<String> = table::services()
        .filter_map(table::service)
        .flat_map(|service| {
            service
                .operations
                .keys()
                .map(|name| name.to_ascii_lowercase())
        })
        .collect();
    for service in actions::prefixes().filter_map(actions::service) {
        all.extend(service.actions().map(|(name, _)| name.to_ascii_lowercase()));
    }
    for (_, names) in MORE_EVENTS {
        all.extend(names.iter().map(|name| name.to_ascii_lowercase()));
    }
    all
});

/// Whether one of the sources has a call that `fits` (shown in lower case). All calls are known of services with a
/// table alone, and of S3 not even then.
pub(crate) fn call(sources: &[&str], fits: &dyn Fn(&str) -> bool) -> Known {
    let mut known = if sources.is_empty() {
        Known::Unknown
    } else {
        Known::No
    };
    for source in sources {
        let named = TABLE_OF.iter().find(|(own, _)| own == source);
        let table = table::service(named.map_or(source, |(_, table)| table));
        if table.is_none() || *source == "s3" {
            known = Known::Unknown;
        }
        if calls(source).iter().any(|name| fits(name)) {
            return Known::Yes;
        }
    }
    known
}

/// A call of any service that is written nearly like this name, where none is written like it.
pub(crate) fn nearly(name: &str) -> Option<&'static str> {
    let name = plain(name).to_ascii_lowercase();
    if name.len() < 6 || EVERY.contains(&name) {
        return None;
    }
    EVERY
        .iter()
        .find(|known| one_apart(known.as_bytes(), name.as_bytes()))
        .map(String::as_str)
}

/// Whether one letter too many, too few or another is all the difference.
fn one_apart(a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (
        a.get(same..).unwrap_or_default(),
        b.get(same..).unwrap_or_default(),
    );
    let rest = |text: &[u8]| text.get(1..).map(<[u8]>::to_vec);
    match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Equal => rest(a) == rest(b),
        std::cmp::Ordering::Greater => rest(a).as_deref() == Some(b),
        std::cmp::Ordering::Less => rest(b).as_deref() == Some(a),
    }
}

/// Whether a name, which may end with a version, is the one that is shown.
pub(crate) fn is_name(name: &str, shown: &str) -> bool {
    plain(name).eq_ignore_ascii_case(shown) || name.eq_ignore_ascii_case(shown)
}

/// Services whose records name the members of requests otherwise than their API does.
const OTHER_MEMBERS: &[&str] = &[
    "ec2",
    "s3",
    "s3control",
    "cloudfront",
    "route53",
    "signin",
    "elbv2",
];

/// What is known of a member of a call's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    /// Requests of the call can have it.
    Yes,
    /// They cannot.
    No,
    /// The service has no such call.
    NoCall,
    /// Nothing is known.
    Unknown,
}

/// Whether a call's request can have a member of this name.
pub(crate) fn parameter(short: &str, call: &str, member: &str) -> Member {
    if OTHER_MEMBERS.contains(&short) {
        return Member::Unknown;
    }
    let named = TABLE_OF.iter().find(|(source, _)| *source == short);
    let Some(service) = table::service(named.map_or(short, |(_, table)| table)) else {
        return Member::Unknown;
    };
    let call = plain(call);
    let operation = service
        .operations
        .values()
        .find(|one| one.name.eq_ignore_ascii_case(call));
    let Some(operation) = operation else {
        return Member::NoCall;
    };
    let Some(input) = operation.input else {
        return Member::No;
    };
    let table::Kind::Structure { members, .. } = &service.shape(input).kind else {
        return Member::Unknown;
    };
    let same = |name: &str| name.eq_ignore_ascii_case(member);
    match members
        .iter()
        .any(|one| same(&one.name) || same(one.wire()))
    {
        true => Member::Yes,
        false => Member::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_members_are_known() {
        let known = |source: &str, name: &str| call(&[source], &|shown| is_name(name, shown));
        assert_eq!(known("iam", "CreateUser"), Known::Yes);
        assert_eq!(known("iam", "CreateUserr"), Known::No);
        assert_eq!(known("lambda", "UpdateFunctionCode20150331v2"), Known::Yes);
        assert_eq!(known("s3", "PutBucketPublicAccessBlock"), Known::Yes);
        assert_eq!(known("signin", "ConsoleLogin"), Known::Yes);
        assert_eq!(known("nosuchservice", "CreateUser"), Known::Unknown);
        assert_eq!(
            call(&[], &|shown| is_name("CreateUser", shown)),
            Known::Unknown
        );
        assert_eq!(nearly("CreateUserr"), Some("createuser"));
        assert_eq!(nearly("CreateUser"), None);
        assert_eq!(nearly("NoSuchCallAnywhere"), None);
        assert_eq!(parameter("iam", "CreateUser", "userName"), Member::Yes);
        assert_eq!(parameter("iam", "CreateUser", "usrName"), Member::No);
        assert_eq!(
            parameter("rds", "ModifyDBInstance", "dBInstanceIdentifier"),
            Member::Yes
        );
        assert_eq!(
            parameter("ec2", "RunInstances", "instancesSet"),
            Member::Unknown
        );
    }

    #[test]
    fn members_of_records_are_known() {
        assert_eq!(member(LogKind::CloudTrail, "eventName"), Some(true));
        assert_eq!(member(LogKind::CloudTrail, "EventName"), Some(false));
        assert_eq!(member(LogKind::VpcFlow, "dstport"), Some(true));
        assert_eq!(member(LogKind::GuardDuty, "anything"), None);
        assert_eq!(derived("stockade.outcome"), Some(true));
        assert_eq!(derived("stockade.outcom"), Some(false));
    }
}
