//! The kinds of log, and where the records of each keep what everybody asks for.
//!
//! Owns their names and the names of their fields. Must not read a record.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of log.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogKind {
    /// CloudTrail: calls of the AWS API, and logins.
    #[default]
    CloudTrail,
    /// VPC flow logs, versions 2 to 7.
    VpcFlow,
    /// S3 server access logs.
    S3Access,
    /// Route 53 Resolver query logs.
    ResolverQuery,
    /// AWS WAF logs.
    Waf,
    /// Access logs of an application load balancer.
    AlbAccess,
    /// TLS access logs of a network load balancer.
    NlbAccess,
    /// Access logs of a classic load balancer.
    ClbAccess,
    /// Findings of GuardDuty.
    GuardDuty,
    /// Findings of Security Hub, in ASFF.
    SecurityHub,
}

/// A field by its names, from the outside to the inside.
pub type Path = &'static [&'static str];

/// Where the records of a kind keep what everybody asks for: the first path that leads to a value.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// When it happened: RFC 3339, or seconds or milliseconds since 1970.
    pub time: &'static [Path],
    /// What happened, in a word.
    pub name: &'static [Path],
    /// Which service says so; none where the kind itself says it.
    pub source: &'static [Path],
    /// The record's own id.
    pub id: &'static [Path],
    /// The region.
    pub region: &'static [Path],
    /// The address from which it came.
    pub address: &'static [Path],
    /// The program with which.
    pub agent: &'static [Path],
    /// The error with which it ended.
    pub error: &'static [Path],
    /// The account.
    pub account: &'static [Path],
    /// Who. CloudTrail's callers are told by more than a path.
    pub principal: &'static [Path],
}

impl LogKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::CloudTrail,
        Self::VpcFlow,
        Self::S3Access,
        Self::ResolverQuery,
        Self::Waf,
        Self::AlbAccess,
        Self::NlbAccess,
        Self::ClbAccess,
        Self::GuardDuty,
        Self::SecurityHub,
    ];

    /// The name, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudTrail => "cloudtrail",
            Self::VpcFlow => "vpc-flow",
            Self::S3Access => "s3-access",
            Self::ResolverQuery => "resolver-query",
            Self::Waf => "waf",
            Self::AlbAccess => "alb-access",
            Self::NlbAccess => "nlb-access",
            Self::ClbAccess => "clb-access",
            Self::GuardDuty => "guardduty",
            Self::SecurityHub => "securityhub",
        }
    }

    /// Where its records keep what everybody asks for.
    pub fn facts(self) -> &'static Facts {
        match self {
            Self::CloudTrail => &CLOUDTRAIL,
            Self::VpcFlow => &VPC_FLOW,
            Self::S3Access => &S3_ACCESS,
            Self::ResolverQuery => &RESOLVER_QUERY,
            Self::Waf => &WAF,
            Self::AlbAccess | Self::NlbAccess | Self::ClbAccess => &ELB,
            Self::GuardDuty => &GUARDDUTY,
            Self::SecurityHub => &SECURITY_HUB,
        }
    }
}

const CLOUDTRAIL: Facts = Facts {
    time: &[&["eventTime"]],
    name: &[&["eventName"]],
    source: &[&["eventSource"]],
    id: &[&["eventID"]],
    region: &[&["awsRegion"]],
    address: &[&["sourceIPAddress"]],
    agent: &[&["userAgent"]],
    error: &[&["errorCode"]],
    account: &[&["recipientAccountId"], &["userIdentity", "accountId"]],
    principal: &[],
};

const VPC_FLOW: Facts = Facts {
    time: &[&["start"], &["end"]],
    name: &[&["action"], &["log-status"]],
    source: &[],
    id: &[],
    region: &[&["region"]],
    address: &[&["srcaddr"], &["pkt-srcaddr"]],
    agent: &[],
    error: &[],
    account: &[&["account-id"]],
    principal: &[&["srcaddr"], &["pkt-srcaddr"], &["interface-id"]],
};

const S3_ACCESS: Facts = Facts {
    time: &[&["time"]],
    name: &[&["operation"]],
    source: &[],
    id: &[&["request_id"]],
    region: &[],
    address: &[&["remote_ip"]],
    agent: &[&["user_agent"]],
    error: &[&["error_code"]],
    account: &[],
    principal: &[&["requester"], &["remote_ip"]],
};

const RESOLVER_QUERY: Facts = Facts {
    time: &[&["query_timestamp"]],
    name: &[&["query_type"]],
    source: &[],
    id: &[],
    region: &[&["region"]],
    address: &[&["srcaddr"]],
    agent: &[],
    error: &[],
    account: &[&["account_id"]],
    principal: &[&["srcids", "instance"], &["srcaddr"]],
};

const WAF: Facts = Facts {
    time: &[&["timestamp"]],
    name: &[&["action"]],
    source: &[],
    id: &[&["httpRequest", "requestId"]],
    region: &[],
    address: &[&["httpRequest", "clientIp"]],
    agent: &[],
    error: &[],
    account: &[],
    principal: &[&["httpRequest", "clientIp"]],
};

const ELB: Facts = Facts {
    time: &[&["time"]],
    name: &[&["request_verb"], &["type"]],
    source: &[],
    id: &[&["trace_id"]],
    region: &[],
    address: &[&["client_ip"]],
    agent: &[&["user_agent"]],
    error: &[],
    account: &[],
    principal: &[&["client_ip"]],
};

const GUARDDUTY: Facts = Facts {
    time: &[
        &["service", "eventLastSeen"],
        &["updatedAt"],
        &["Service", "EventLastSeen"],
        &["UpdatedAt"],
    ],
    name: &[&["type"], &["Type"]],
    source: &[],
    id: &[&["id"], &["Id"]],
    region: &[&["region"], &["Region"]],
    address: &[
        &[
            "service",
            "action",
            "awsApiCallAction",
            "remoteIpDetails",
            "ipAddressV4",
        ],
        &[
            "service",
            "action",
            "networkConnectionAction",
            "remoteIpDetails",
            "ipAddressV4",
        ],
    ],
    agent: &[],
    error: &[],
    account: &[&["accountId"], &["AccountId"]],
    principal: &[
        &["resource", "accessKeyDetails", "userName"],
        &["Resource", "AccessKeyDetails", "UserName"],
        &["resource", "instanceDetails", "instanceId"],
        &["Resource", "InstanceDetails", "InstanceId"],
        &["resource", "resourceType"],
        &["Resource", "ResourceType"],
    ],
};

const SECURITY_HUB: Facts = Facts {
    time: &[
        &["LastObservedAt"],
        &["UpdatedAt"],
        &["CreatedAt"],
        &["FirstObservedAt"],
    ],
    name: &[&["GeneratorId"]],
    source: &[],
    id: &[&["Id"]],
    region: &[&["Region"]],
    address: &[],
    agent: &[],
    error: &[],
    account: &[&["AwsAccountId"]],
    principal: &[&["ProductName"], &["ProductArn"]],
};

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Not a kind of log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of log that is read: use one of {kinds}", kinds = kinds())]
pub struct LogKindError(String);

fn kinds() -> String {
    LogKind::ALL.map(LogKind::as_str).join(", ")
}

impl FromStr for LogKind {
    type Err = LogKindError;

    fn from_str(text: &str) -> Result<Self, LogKindError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| LogKindError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_by_their_names() {
        for kind in LogKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let error = "syslog".parse::<LogKind>().unwrap_err().to_string();
        assert!(error.contains("vpc-flow"), "{error}");
    }
}
