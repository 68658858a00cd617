//! The cloud of the drill before anything bad happens: an organisation, its accounts, people and data.
//!
//! Owns the set-up, all of it by calls of the administrator. Must not reach into the range's state.

use std::net::{Ipv4Addr, SocketAddr};

use jiff::SignedDuration;
use serde_json::{Value, json};
use stockade_cloud::{Client, Config, Credentials};
use stockade_model::{AccountId, Region, Timestamp};
use stockade_range::server::{Config as RangeConfig, Range};

use crate::actor::credentials;
use crate::error::DrillError;

/// How long a change of IAM takes to spread.
pub(crate) const PROPAGATION: SignedDuration = SignedDuration::from_secs(4);
/// How often the trail delivers.
pub(crate) const DELIVERY: SignedDuration = SignedDuration::from_mins(5);
/// How long a new account has to stay in its organisation.
const WAIT: SignedDuration = SignedDuration::from_hours(4 * 24);
/// The role that lets the management account into its members.
const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";
/// How many customers there are.
pub(crate) const RECORDS: usize = 12;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
/// The users of account *shop*, with a key each.
const USERS: [&str; 4] = ["deploy-bot", "invoicer", "anna", "ben"];

/// The range with everything in it.
pub(crate) struct World {
    /// The cloud.
    pub range: Range,
    /// The administrator of the management account.
    pub admin: Client,
    /// Where everything is but IAM.
    pub region: Region,
    /// The accounts.
    pub accounts: Accounts,
    /// The buckets.
    pub buckets: Buckets,
    /// The trail's ARN.
    pub trail: String,
    /// The keys of `deploy-bot`, `invoicer`, `anna`, `ben`, in this order.
    pub keys: [Credentials; 4],
    /// The responder's key, in the management account.
    pub responder: Credentials,
    /// The attacker's own account, which is none of ours: a key there.
    pub outside: Credentials,
}

/// The accounts.
pub(crate) struct Accounts {
    pub management: AccountId,
    pub shop: AccountId,
    pub data: AccountId,
    pub outside: AccountId,
}

/// The buckets.
pub(crate) struct Buckets {
    pub logs: String,
    pub orders: String,
    pub records: String,
}

/// A call that must succeed for the story to begin.
pub(crate) async fn must(
    client: &Client,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, DrillError> {
    let body = (operation == "PutObject").then(|| "{}".into());
    let answer = client
        .call_with_body(service, operation, input, body)
        .await
        .map_err(|error| DrillError::stuck(format!("{service}:{operation}"), error.to_string()))?;
    Ok(Value::Object(answer.0))
}

fn text(answer: &Value, path: &[&str]) -> Result<String, DrillError> {
    path.iter()
        .try_fold(answer, |value, name| value.get(name))
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| DrillError::stuck(path.join("."), "the answer does not hold it"))
}

/// The document of a policy with one statement or more.
pub(crate) fn policy(statements: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn trust(principal: &str) -> String {
    policy(
        json!([{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}]),
    )
}

/// A client of the range.
pub(crate) fn client(
    range: &Range,
    region: &Region,
    credentials: Credentials,
) -> Result<Client, DrillError> {
    let endpoint = range.endpoint();
    let mut config = Config::new(region.clone(), credentials, range.clock());
    config.endpoint = Some(
        endpoint
            .parse()
            .map_err(|_| DrillError::stuck("the endpoint", endpoint.clone()))?,
    );
    config.source_ip = Some("198.51.100.5".to_owned());
    Ok(Client::new(config)?)
}

/// The role by which the management account works in a member.
pub(crate) fn access_role(account: &AccountId) -> String {
    format!("arn:aws:iam::{account}:role/{ACCESS_ROLE}")
}

impl World {
    /// Builds it, at a time when nobody is at work.
    pub(crate) async fn build(seed: u64, start: Timestamp) -> Result<Self, DrillError> {
        let range = Range::start(RangeConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: Some(seed),
            iam_delay: PROPAGATION,
            trail_delay: DELIVERY,
            still_at: Some(start.saturating_sub(WAIT).unwrap_or(start)),
            ..RangeConfig::default()
        })
        .await?;
        let region: Region = "eu-west-1"
            .parse()
            .map_err(|error| DrillError::stuck("the region", format!("{error}")))?;
        let (key, secret) = range.administrator();
        let administrator = Credentials {
            access_key: key.to_owned(),
            secret: secret.clone(),
            session_token: None,
        };
        let admin = client(&range, &region, administrator)?;
        let organization = organize(&admin).await?;
        let shop = new_account(&admin, "shop").await?;
        let data = new_account(&admin, "data").await?;
        let outside = new_account(&admin, "elsewhere").await?;
        // A new account may not leave before.
        range.advance(WAIT);
        let stranger = admin.assume_role(&access_role(&outside), "setup").await?;
        let input = json!({"AccountId": outside});
        must(
            &admin,
            "organizations",
            "RemoveAccountFromOrganization",
            input,
        )
        .await?;
        let accounts = Accounts {
            management: admin
                .caller_identity()
                .await?
                .account
                .parse()
                .map_err(|error| DrillError::stuck("the management account", format!("{error}")))?,
            shop,
            data,
            outside,
        };
        let buckets = Buckets {
            logs: format!("company-logs-{}", accounts.management),
            orders: format!("shop-orders-{}", accounts.shop),
            records: format!("customer-records-{}", accounts.data),
        };
        let outside = user(
            &stranger,
            "operator",
            &policy(json!([
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
            ])),
        )
        .await?;
        let shop_admin = admin
            .assume_role(&access_role(&accounts.shop), "setup")
            .await?;
        let keys = people(&shop_admin, &accounts, &buckets).await?;
        let data_admin = admin
            .assume_role(&access_role(&accounts.data), "setup")
            .await?;
        records(&data_admin, &accounts, &buckets).await?;
        let responder = responder(&admin, &buckets).await?;
        let trail = log(&admin, &accounts, &buckets, &organization, &region).await?;
        settle(&range);
        Ok(Self {
            range,
            admin,
            region,
            accounts,
            buckets,
            trail,
            keys,
            responder,
            outside,
        })
    }
}

/// Lets what was changed spread.
fn settle(range: &Range) {
    range.advance(PROPAGATION + SignedDuration::from_secs(1));
}

async fn organize(admin: &Client) -> Result<String, DrillError> {
    let made = must(
        admin,
        "organizations",
        "CreateOrganization",
        json!({"FeatureSet": "ALL"}),
    )
    .await?;
    let roots = must(admin, "organizations", "ListRoots", json!({})).await?;
    let root = roots
        .get("Roots")
        .and_then(|roots| roots.get(0))
        .cloned()
        .unwrap_or_default();
    let input = json!({"RootId": text(&root, &["Id"])?, "PolicyType": "SERVICE_CONTROL_POLICY"});
    must(admin, "organizations", "EnablePolicyType", input).await?;
    text(&made, &["Organization", "Id"])
}

async fn new_account(admin: &Client, name: &str) -> Result<AccountId, DrillError> {
    let input = json!({"AccountName": name, "Email": format!("{name}@company.example")});
    let made = must(admin, "organizations", "CreateAccount", input).await?;
    let request = text(&made, &["CreateAccountStatus", "Id"])?;
    let input = json!({"CreateAccountRequestId": request});
    let made = must(admin, "organizations", "DescribeCreateAccountStatus", input).await?;
    text(&made, &["CreateAccountStatus", "AccountId"])?
        .parse()
        .map_err(|error| DrillError::stuck(format!("account {name}"), format!("{error}")))
}

/// A user with an inline policy and a key.
async fn user(client: &Client, name: &str, document: &str) -> Result<Credentials, DrillError> {
    must(client, "iam", "CreateUser", json!({"UserName": name})).await?;
    let input =
        json!({"UserName": name, "PolicyName": format!("{name}-work"), "PolicyDocument": document});
    must(client, "iam", "PutUserPolicy", input).await?;
    let made = must(client, "iam", "CreateAccessKey", json!({"UserName": name})).await?;
    credentials(&made).ok_or_else(|| DrillError::stuck(name, "no key was handed out"))
}

async fn role(client: &Client, name: &str, trust: String, grant: Grant) -> Result<(), DrillError> {
    let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust});
    must(client, "iam", "CreateRole", input).await?;
    match grant {
        Grant::Managed(arn) => {
            let input = json!({"RoleName": name, "PolicyArn": arn});
            must(client, "iam", "AttachRolePolicy", input).await?;
        }
        Grant::Inline(document) => {
            let input = json!({"RoleName": name, "PolicyName": format!("{name}-work"), "PolicyDocument": document});
            must(client, "iam", "PutRolePolicy", input).await?;
        }
    }
    Ok(())
}

enum Grant {
    Managed(&'static str),
    Inline(String),
}

fn bucket_rights(bucket: &str, actions: &[&str]) -> Value {
    json!({"Effect": "Allow", "Action": actions,
        "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]})
}

/// Account *shop*: the applications and the staff. The application may attach policies to itself: a
/// careless statement of long ago.
async fn people(
    shop: &Client,
    accounts: &Accounts,
    buckets: &Buckets,
) -> Result<[Credentials; 4], DrillError> {
    bucket(shop, &buckets.orders).await?;
    for number in 1..=20 {
        let input =
            json!({"Bucket": buckets.orders, "Key": format!("incoming/order-{number:03}.json")});
        must(shop, "s3", "PutObject", input).await?;
    }
    let work = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"];
    let own = format!("arn:aws:iam::{}:user/deploy-bot", accounts.shop);
    let of_deploy_bot = policy(json!([
        bucket_rights(&buckets.orders, &work),
        {"Effect": "Allow", "Action": ["iam:List*", "iam:Get*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:AttachUserPolicy", "Resource": own},
    ]));
    let of_invoicer = policy(json!([bucket_rights(&buckets.orders, &work)]));
    let of_anna =
        policy(json!([{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]));
    let ops = format!("arn:aws:iam::{}:role/ops", accounts.shop);
    let of_ben = policy(json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ops}]));
    let documents = [of_deploy_bot, of_invoicer, of_anna, of_ben];
    let mut keys = Vec::new();
    for (name, document) in USERS.iter().zip(&documents) {
        keys.push(user(shop, name, document).await?);
    }
    let input = json!({"UserName": "anna", "PolicyArn": READ_ONLY});
    must(shop, "iam", "AttachUserPolicy", input).await?;
    let own = format!("arn:aws:iam::{}:root", accounts.shop);
    role(shop, "ops", trust(&own), Grant::Managed(READ_ONLY)).await?;
    role(
        shop,
        "maintenance",
        trust(&ops),
        Grant::Managed("arn:aws:iam::aws:policy/PowerUserAccess"),
    )
    .await?;
    let platform = format!("arn:aws:iam::{}:root", accounts.management);
    let take = policy(json!([{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Resource": format!("arn:aws:iam::{}:role/orders-*", accounts.shop)}]));
    role(shop, "orders-host", trust(&platform), Grant::Inline(take)).await?;
    keys.try_into()
        .map_err(|_| DrillError::stuck("the users", "not all have a key"))
}

/// Account *data*: the customers' records, and the role that reads them for *shop*.
async fn records(data: &Client, accounts: &Accounts, buckets: &Buckets) -> Result<(), DrillError> {
    bucket(data, &buckets.records).await?;
    for number in 1..=RECORDS {
        let input = json!({"Bucket": buckets.records, "Key": record_key(number)});
        must(data, "s3", "PutObject", input).await?;
    }
    let shop = format!("arn:aws:iam::{}:root", accounts.shop);
    let read = policy(json!([bucket_rights(
        &buckets.records,
        &["s3:GetObject", "s3:ListBucket"]
    )]));
    role(data, "data-reader", trust(&shop), Grant::Inline(read)).await
}

/// The key of a customer's record.
pub(crate) fn record_key(number: usize) -> String {
    format!("customers/2026/customer-{number:04}.json")
}

async fn bucket(client: &Client, name: &str) -> Result<(), DrillError> {
    let place = json!({"LocationConstraint": client.region().as_str()});
    let input = json!({"Bucket": name, "CreateBucketConfiguration": place});
    must(client, "s3", "CreateBucket", input).await?;
    Ok(())
}

/// Ines, who is on call: what a response needs, and nothing else.
async fn responder(admin: &Client, buckets: &Buckets) -> Result<Credentials, DrillError> {
    let document = policy(json!([
        {"Effect": "Allow", "Action": ["organizations:*", "cloudtrail:LookupEvents"], "Resource": "*"},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": format!("arn:aws:iam::*:role/{ACCESS_ROLE}")},
        bucket_rights(&buckets.logs, &["s3:GetObject", "s3:ListBucket"]),
    ]));
    user(admin, "ines", &document).await
}

/// The trail of the whole organisation, with what is done to objects.
async fn log(
    admin: &Client,
    accounts: &Accounts,
    buckets: &Buckets,
    organization: &str,
    region: &Region,
) -> Result<String, DrillError> {
    let bucket_name = &buckets.logs;
    bucket(admin, bucket_name).await?;
    let management = &accounts.management;
    let arn = format!("arn:aws:cloudtrail:{region}:{management}:trail/company");
    let service = json!({"Service": "cloudtrail.amazonaws.com"});
    let owner = json!({"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": arn});
    let document = policy(json!([
        {"Sid": "AWSCloudTrailAclCheck", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
            "Resource": format!("arn:aws:s3:::{bucket_name}"), "Condition": {"StringEquals": {"aws:SourceArn": arn}}},
        {"Sid": "AWSCloudTrailWrite", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
            "Resource": [
                format!("arn:aws:s3:::{bucket_name}/AWSLogs/{management}/*"),
                format!("arn:aws:s3:::{bucket_name}/AWSLogs/{organization}/*"),
            ],
            "Condition": {"StringEquals": owner}},
    ]));
    let input = json!({"Bucket": bucket_name, "Policy": document});
    must(admin, "s3", "PutBucketPolicy", input).await?;
    let input = json!({"ServicePrincipal": "cloudtrail.amazonaws.com"});
    must(admin, "organizations", "EnableAWSServiceAccess", input).await?;
    let input = json!({"Name": "company", "S3BucketName": bucket_name, "IsMultiRegionTrail": true, "IsOrganizationTrail": true});
    let made = must(admin, "cloudtrail", "CreateTrail", input).await?;
    let selector = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]);
    let input = json!({"TrailName": "company", "EventSelectors": selector});
    must(admin, "cloudtrail", "PutEventSelectors", input).await?;
    must(
        admin,
        "cloudtrail",
        "StartLogging",
        json!({"Name": "company"}),
    )
    .await?;
    text(&made, &["TrailARN"])
}
