//! Decisions a second, on one core, for a principal with ten policies of twenty statements each, as a developer of a
//! large account has them: `cargo bench --package stockade-policy`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark may fail as a test does"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use stockade_policy::{Context, Named, Policies, Policy, Principal, Request, decide, evaluate};

const SERVICES: [&str; 25] = [
    "s3",
    "ec2",
    "iam",
    "sts",
    "kms",
    "sqs",
    "sns",
    "lambda",
    "dynamodb",
    "logs",
    "cloudwatch",
    "events",
    "rds",
    "ecs",
    "ecr",
    "ssm",
    "secretsmanager",
    "cloudformation",
    "route53",
    "acm",
    "states",
    "kinesis",
    "glue",
    "athena",
    "apigateway",
];

/// Statements of every common form, spread over the services: exact actions, prefixes, whole services, resources with
/// and without wildcards and variables, and conditions on one statement in three.
fn statement(seed: usize) -> Value {
    let service = SERVICES[(seed * 7) % SERVICES.len()];
    let name = format!("team-{}", seed % 13);
    let action = match seed % 4 {
        0 => json!([
            format!("{service}:Get*"),
            format!("{service}:List*"),
            format!("{service}:Describe*")
        ]),
        1 => json!(format!("{service}:*")),
        2 => json!([
            format!("{service}:CreateThing"),
            format!("{service}:DeleteThing"),
            format!("{service}:TagResource")
        ]),
        _ => json!([format!("{service}:Put*"), format!("{service}:Update*")]),
    };
    let resource = match seed % 5 {
        1.. if service == "iam" => json!(format!("arn:aws:iam::111122223333:user/{name}/*")),
        0 => json!("*"),
        1 => json!([
            format!("arn:aws:{service}:::{name}"),
            format!("arn:aws:{service}:::{name}/*")
        ]),
        2 => json!(format!("arn:aws:{service}:*:111122223333:{name}-*")),
        3 => json!(format!(
            "arn:aws:{service}:eu-west-1:111122223333:thing/{name}/*"
        )),
        _ => json!(format!("arn:aws:{service}:::home/${{aws:username}}/*")),
    };
    let mut statement = json!({
        "Sid": format!("S{seed}"),
        "Effect": if seed % 10 == 9 { "Deny" } else { "Allow" },
        "Action": action,
        "Resource": resource,
    });
    let condition = match seed % 9 {
        0 => json!({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}),
        3 => {
            json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}, "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}})
        }
        6 => {
            json!({"StringLike": {"aws:RequestedRegion": ["eu-*", "us-east-1"]}, "DateGreaterThan": {"aws:CurrentTime": "2024-01-01T00:00:00Z"}})
        }
        _ => Value::Null,
    };
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

fn principal_policies() -> Vec<Named> {
    (0..10)
        .map(|policy| {
            let mut statements: Vec<Value> = (0..20).map(|at| statement(policy * 20 + at)).collect();
            if policy == 9 {
                // What nearly everybody has: one that speaks of all but a few services.
                statements[19] = json!({"Effect": "Deny", "NotAction": ["iam:*", "s3:*", "ec2:*", "lambda:*", "sqs:*"],
                    "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}});
            }
            let document = json!({"Version": "2012-10-17", "Statement": statements});
            Named::new(format!("policy-{policy}"), Policy::parse(&document.to_string()).unwrap())
        })
        .collect()
}

fn context() -> Context {
    Context::new()
        .with("aws:CurrentTime", "2026-06-01T12:00:00Z")
        .with("aws:EpochTime", "1780315200")
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "203.0.113.7")
        .with("aws:UserAgent", "aws-cli/2.31")
        .with("aws:RequestedRegion", "eu-west-1")
        .with("aws:ViaAWSService", "false")
        .with("aws:PrincipalType", "User")
        .with("aws:PrincipalAccount", "111122223333")
        .with("aws:PrincipalArn", "arn:aws:iam::111122223333:user/anna")
        .with("aws:userid", "AIDAEXAMPLE")
        .with("aws:username", "anna")
        .with("aws:PrincipalTag/team", "red")
        .with("aws:ResourceTag/team", "red")
        .with("aws:MultiFactorAuthPresent", "true")
        .with("aws:ResourceAccount", "111122223333")
}

fn decisions(criterion: &mut Criterion) {
    let identity = principal_policies();
    let context = context();
    let principal: Principal = "arn:aws:iam::111122223333:user/anna".parse().unwrap();
    let everything =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let scps: Vec<Vec<Named>> = (0..3)
        .map(|_| {
            vec![Named::new(
                "FullAWSAccess",
                Policy::parse_scp(everything).unwrap(),
            )]
        })
        .collect();
    let asked = [
        ("s3:GetObject", "arn:aws:s3:::home/anna/report.pdf"),
        ("s3:PutObject", "arn:aws:s3:::team-4/2026/x"),
        ("ec2:DescribeInstances", "*"),
        (
            "lambda:UpdateFunctionCode",
            "arn:aws:lambda:eu-west-1:111122223333:function:app",
        ),
        (
            "sqs:SendMessage",
            "arn:aws:sqs:eu-west-1:111122223333:team-7-jobs",
        ),
        ("iam:CreateUser", "arn:aws:iam::111122223333:user/bob"),
        (
            "dynamodb:GetItem",
            "arn:aws:dynamodb:eu-west-1:111122223333:thing/team-3/a",
        ),
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/1234"),
    ];
    let requests: Vec<Request<'_>> = asked
        .iter()
        .map(|(action, resource)| Request {
            principal: &principal,
            action,
            resource,
            resource_account: Some("111122223333"),
            context: &context,
        })
        .collect();
    let alone = Policies {
        identity: &identity,
        ..Policies::default()
    };
    let bound = Policies {
        scps: &scps,
        ..alone
    };
    let mut group = criterion.benchmark_group("10 policies of 20 statements");
    group.throughput(Throughput::Elements(requests.len() as u64));
    group.bench_function("decide", |bench| {
        bench.iter(|| {
            requests
                .iter()
                .filter(|request| decide(black_box(request), &alone).is_allowed())
                .count()
        });
    });
    group.bench_function("decide, with three levels of SCPs", |bench| {
        bench.iter(|| {
            requests
                .iter()
                .filter(|request| decide(black_box(request), &bound).is_allowed())
                .count()
        });
    });
    group.bench_function("evaluate, with the reasons", |bench| {
        bench.iter(|| {
            requests
                .iter()
                .filter(|request| evaluate(black_box(request), &alone).is_allowed())
                .count()
        });
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
