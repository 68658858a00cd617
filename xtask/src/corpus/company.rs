//! The company whose trail the corpus is: people, applications, services of AWS, and a build system.

use std::fmt::Write as _;

use super::chance::Chance;
use super::shapes::{self, CALLS, Call, Caller};

const ACCOUNT: &str = "111122223333";
const REGIONS: &[&str] = &[
    "us-east-1",
    "us-east-1",
    "us-east-1",
    "eu-west-1",
    "eu-west-1",
    "us-west-2",
    "eu-central-1",
    "ap-southeast-2",
];
const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Somebody who calls.
struct Person {
    name: String,
    id: String,
    key: String,
    addresses: Vec<String>,
    agent: &'static str,
}

/// Everybody who calls.
pub(super) struct Company {
    users: Vec<Person>,
    roles: Vec<Person>,
    /// Weights summed up, by the kind of caller.
    weights: Vec<(usize, &'static Call)>,
    total: usize,
}

const AGENTS: &[&str] = &[
    "aws-cli/2.22.7 md/awscrt#0.23.4 ua/2.0 os/linux#6.8.0-51-generic md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#ec2.describe-instances",
    "Boto3/1.35.90 md/Botocore#1.35.90 ua/2.0 os/linux#5.15.0-1072-aws md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.35.90",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.78.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.32.5 ua/2.1 os/linux lang/go#1.23.3 md/GOOS#linux md/GOARCH#amd64 api/ec2#1.193.0",
    "aws-sdk-java/2.29.23 md/io#async md/http#NettyNio ua/2.1 os/Linux#5.10.230 lang/java#21.0.5 md/OpenJDK_64-Bit_Server_VM#21.0.5+11-LTS md/vendor#Amazon.com_Inc. md/en_US exec-env/AWS_ECS_FARGATE",
    "aws-sdk-go-v2/1.32.5 ua/2.1 os/linux lang/go#1.23.3 md/GOOS#linux md/GOARCH#arm64 exec-env/AWS_Lambda_provided.al2023 api/dynamodb#1.37.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "aws-sdk-nodejs/3.699.0 ua/2.1 os/linux#5.10.230 lang/js md/nodejs#20.18.0 api/sqs#3.699.0 exec-env/AWS_Lambda_nodejs20.x",
    "AWS Internal",
];

impl Company {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let person = |prefix: &str, names: &[&str], number: usize, chance: &mut Chance| {
            let name = names.get(number % names.len()).copied().unwrap_or("app");
            let addresses = (0..1 + chance.below(3))
                .map(|_| {
                    format!(
                        "{}.{}.{}.{}",
                        chance.one(&[3, 18, 34, 52, 54]).copied().unwrap_or(3),
                        chance.below(256),
                        chance.below(256),
                        1 + chance.below(254)
                    )
                })
                .collect();
            Person {
                name: format!("{name}-{number}"),
                id: format!("{prefix}{}", chance.text(DIGITS, 16)),
                key: format!("AKIA{}", chance.text(DIGITS, 16)),
                addresses,
                agent: AGENTS
                    .get(chance.below(AGENTS.len()))
                    .copied()
                    .unwrap_or(""),
            }
        };
        let people = [
            "anna",
            "bert",
            "carla",
            "deniz",
            "emil",
            "farah",
            "ci-deploy",
            "backup",
            "metrics",
        ];
        let apps = [
            "orders-api",
            "web-server",
            "payments",
            "search-indexer",
            "etl-nightly",
            "image-resizer",
            "eks-node",
            "autoscaler",
            "audit-reader",
            "terraform",
            "github-actions",
            "datadog-reader",
        ];
        let users = (0..60)
            .map(|n| person("AIDA", &people, n, chance))
            .collect();
        let roles = (0..240).map(|n| person("AROA", &apps, n, chance)).collect();
        let mut total = 0;
        let weights = CALLS
            .iter()
            .map(|call| {
                total += call.weight;
                (total, call)
            })
            .collect();
        Self {
            users,
            roles,
            weights,
            total,
        }
    }

    /// Writes one event.
    pub(super) fn event(&self, chance: &mut Chance, time: u64, text: &mut String) {
        let drawn = chance.below(self.total);
        let place = self.weights.partition_point(|(upto, _)| *upto <= drawn);
        let Some((_, call)) = self.weights.get(place) else {
            return;
        };
        let mut region = REGIONS
            .get(chance.skewed(REGIONS.len()))
            .copied()
            .unwrap_or("us-east-1");
        let at = shapes::time(time);
        let mut address = String::new();
        let mut agent = "";
        text.push_str("{\"eventVersion\":\"1.11\",\"userIdentity\":");
        match call.caller {
            Caller::Service(service) => {
                let _ = write!(
                    text,
                    "{{\"type\":\"AWSService\",\"invokedBy\":\"{service}\"}}"
                );
                service.clone_into(&mut address);
                agent = service;
            }
            Caller::User => {
                let place = chance.skewed(self.users.len());
                if let Some(user) = self.users.get(place) {
                    region = home(place, chance);
                    let _ = write!(
                        text,
                        "{{\"type\":\"IAMUser\",\"principalId\":\"{}\",\"arn\":\"arn:aws:iam::{ACCOUNT}:user/{}\",\"accountId\":\"{ACCOUNT}\",\"accessKeyId\":\"{}\",\"userName\":\"{}\"}}",
                        user.id, user.name, user.key, user.name
                    );
                    address = user.addresses.first().cloned().unwrap_or_default();
                    agent = user.agent;
                }
            }
            Caller::Role => {
                let place = chance.skewed(self.roles.len());
                if let Some(role) = self.roles.get(place) {
                    region = home(place, chance);
                    // A session lasts an hour: its key and name stay the same for so long.
                    let hour = time / 3_600;
                    let mut own = Chance::new(hour ^ (place as u64) << 32);
                    let key = format!("ASIA{}", own.text(DIGITS, 16));
                    let began = shapes::time(hour * 3_600);
                    let _ = write!(
                        text,
                        "{{\"type\":\"AssumedRole\",\"principalId\":\"{id}:{session}\",\"arn\":\"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}\",\"accountId\":\"{ACCOUNT}\",\"accessKeyId\":\"{key}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"{id}\",\"arn\":\"arn:aws:iam::{ACCOUNT}:role/{name}\",\"accountId\":\"{ACCOUNT}\",\"userName\":\"{name}\"}},\"attributes\":{{\"creationDate\":\"{began}\",\"mfaAuthenticated\":\"false\"}}}}}}",
                        id = role.id,
                        name = role.name,
                        session = format_args!("{}-{}", role.name, own.below(9_000)),
                    );
                    let place = own.below(role.addresses.len());
                    address = role.addresses.get(place).cloned().unwrap_or_default();
                    agent = role.agent;
                }
            }
        }
        let _ = write!(
            text,
            ",\"eventTime\":\"{at}\",\"eventSource\":\"{}\",\"eventName\":\"{}\",\"awsRegion\":\"{region}\",\"sourceIPAddress\":\"{address}\",\"userAgent\":\"{agent}\",",
            call.source, call.name
        );
        let fails = chance.happens(call.fails);
        if fails {
            let code = if call.fails > 100 {
                "NoSuchEntityException"
            } else {
                "AccessDenied"
            };
            let _ = write!(
                text,
                "\"errorCode\":\"{code}\",\"errorMessage\":\"User: arn:aws:sts::{ACCOUNT}:assumed-role/x is not authorized to perform: {} on the resource because no identity-based policy allows it\",",
                call.name
            );
        }
        text.push_str("\"requestParameters\":");
        shapes::fill(call.request, chance, &at, region, text);
        text.push_str(",\"responseElements\":");
        if fails {
            text.push_str("null");
        } else {
            shapes::fill(call.response, chance, &at, region, text);
        }
        if let Some(more) = call.more {
            text.push_str(",\"additionalEventData\":");
            shapes::fill(more, chance, &at, region, text);
        }
        let (kind, category) = if call.data {
            ("false", "Data")
        } else {
            ("true", "Management")
        };
        let _ = write!(
            text,
            ",\"requestID\":\"{}\",\"eventID\":\"{}\",\"readOnly\":{},\"eventType\":\"AwsApiCall\",\"managementEvent\":{kind},\"recipientAccountId\":\"{ACCOUNT}\",\"eventCategory\":\"{category}\"",
            chance.uuid(),
            chance.uuid(),
            call.reads
        );
        if !matches!(call.caller, Caller::Service(_)) {
            let service = call.source.split('.').next().unwrap_or_default();
            let _ = write!(
                text,
                ",\"tlsDetails\":{{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"{service}.{region}.amazonaws.com\"}}"
            );
        }
        text.push('}');
    }
}

/// Where somebody works: nearly always in the same region.
fn home(place: usize, chance: &mut Chance) -> &'static str {
    let place = if chance.happens(30) {
        chance.below(REGIONS.len())
    } else {
        place % REGIONS.len()
    };
    REGIONS.get(place).copied().unwrap_or("us-east-1")
}
