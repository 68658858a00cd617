//! The shapes of the corpus's events: which calls there are, how often, and what stands in them.

use std::fmt::Write as _;

use super::chance::Chance;

/// Who makes a call.
#[derive(Clone, Copy)]
pub(super) enum Caller {
    /// A user with a long-term key.
    User,
    /// A role's session.
    Role,
    /// A service of AWS.
    Service(&'static str),
}

/// A kind of call.
pub(super) struct Call {
    pub(super) weight: usize,
    pub(super) caller: Caller,
    pub(super) source: &'static str,
    pub(super) name: &'static str,
    pub(super) reads: bool,
    pub(super) data: bool,
    /// How many of a thousand fail.
    pub(super) fails: usize,
    pub(super) request: &'static str,
    pub(super) response: &'static str,
    pub(super) more: Option<&'static str>,
}

const fn call(
    weight: usize,
    caller: Caller,
    source: &'static str,
    name: &'static str,
    reads: bool,
    request: &'static str,
    response: &'static str,
) -> Call {
    Call {
        weight,
        caller,
        source,
        name,
        reads,
        data: false,
        fails: 4,
        request,
        response,
        more: None,
    }
}

const S3: &str = r#"{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$s","bytesTransferredOut":$n}"#;
const CREDENTIALS: &str = r#"{"credentials":{"accessKeyId":"ASIA$K","sessionToken":"$S","expiration":"Jan 9, 2026, 1:00:00 PM"},"assumedRoleUser":{"assumedRoleId":"AROA$K:session-$n","arn":"arn:aws:sts::111122223333:assumed-role/role-$n/session-$n"}}"#;

/// Every kind. `$i` is an instance's id, `$b` a bucket, `$w` a path, `$n` a number, `$u` a UUID, `$K` sixteen
/// characters of a key, `$s` a short and `$S` a long opaque text, `$t` the time, `$r` the region.
pub(super) const CALLS: &[Call] = &[
    Call {
        data: true,
        more: Some(S3),
        ..call(
            130,
            Caller::Role,
            "s3.amazonaws.com",
            "GetObject",
            true,
            r#"{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","key":"$w"}"#,
            "null",
        )
    },
    Call {
        data: true,
        more: Some(S3),
        ..call(
            60,
            Caller::Role,
            "s3.amazonaws.com",
            "PutObject",
            false,
            r#"{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","key":"$w","x-amz-server-side-encryption":"aws:kms"}"#,
            r#"{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:$r:111122223333:key/$u"}"#,
        )
    },
    Call {
        data: true,
        more: Some(S3),
        ..call(
            30,
            Caller::Role,
            "s3.amazonaws.com",
            "HeadObject",
            true,
            r#"{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","key":"$w"}"#,
            "null",
        )
    },
    call(
        90,
        Caller::Role,
        "kms.amazonaws.com",
        "Decrypt",
        true,
        r#"{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$b/$w"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#,
        "null",
    ),
    call(
        40,
        Caller::Role,
        "kms.amazonaws.com",
        "GenerateDataKey",
        true,
        r#"{"keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$b"},"keyId":"arn:aws:kms:$r:111122223333:key/$u"}"#,
        "null",
    ),
    call(
        70,
        Caller::Service("lambda.amazonaws.com"),
        "sts.amazonaws.com",
        "AssumeRole",
        true,
        r#"{"roleArn":"arn:aws:iam::111122223333:role/role-$n","roleSessionName":"function-$n"}"#,
        CREDENTIALS,
    ),
    call(
        40,
        Caller::Service("ec2.amazonaws.com"),
        "sts.amazonaws.com",
        "AssumeRole",
        true,
        r#"{"roleArn":"arn:aws:iam::111122223333:role/web-server","roleSessionName":"$i"}"#,
        CREDENTIALS,
    ),
    call(
        10,
        Caller::User,
        "sts.amazonaws.com",
        "AssumeRole",
        true,
        r#"{"roleArn":"arn:aws:iam::111122223333:role/terraform-9","roleSessionName":"deploy-$n","durationSeconds":3600}"#,
        CREDENTIALS,
    ),
    call(
        18,
        Caller::User,
        "sts.amazonaws.com",
        "GetCallerIdentity",
        true,
        "null",
        "null",
    ),
    call(
        45,
        Caller::Role,
        "ec2.amazonaws.com",
        "DescribeInstances",
        true,
        r#"{"instancesSet":{"items":[{"instanceId":"$i"},{"instanceId":"$i"}]},"filterSet":{"items":[{"name":"tag:Name","valueSet":{"items":[{"value":"web-$n"}]}}]}}"#,
        "null",
    ),
    call(
        20,
        Caller::User,
        "ec2.amazonaws.com",
        "DescribeSecurityGroups",
        true,
        r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-$h"}]},"filterSet":{}}"#,
        "null",
    ),
    call(
        14,
        Caller::User,
        "ec2.amazonaws.com",
        "DescribeVpcs",
        true,
        r#"{"vpcSet":{"items":[{"vpcId":"vpc-$h"}]},"filterSet":{}}"#,
        "null",
    ),
    call(
        14,
        Caller::Role,
        "ec2.amazonaws.com",
        "DescribeNetworkInterfaces",
        true,
        r#"{"networkInterfaceIdSet":{"items":[{"networkInterfaceId":"eni-$h"}]},"filterSet":{}}"#,
        "null",
    ),
    call(
        6,
        Caller::Service("autoscaling.amazonaws.com"),
        "ec2.amazonaws.com",
        "RunInstances",
        false,
        r#"{"instancesSet":{"items":[{"minCount":1,"maxCount":1}]},"instanceType":"m6i.large","blockDeviceMapping":{},"monitoring":{"enabled":true},"disableApiTermination":false,"launchTemplate":{"launchTemplateId":"lt-$h","version":"$n"},"clientToken":"$u"}"#,
        r#"{"requestId":"$u","reservationId":"r-$h","ownerId":"111122223333","groupSet":{},"instancesSet":{"items":[{"instanceId":"$i","imageId":"ami-$h","currentState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-0-0-$n.$r.compute.internal","instanceType":"m6i.large","launchTime":1767225600000,"placement":{"availabilityZone":"$ra","tenancy":"default"},"subnetId":"subnet-$h","vpcId":"vpc-$h","privateIpAddress":"10.0.0.$n"}]}}"#,
    ),
    call(
        4,
        Caller::Service("autoscaling.amazonaws.com"),
        "ec2.amazonaws.com",
        "TerminateInstances",
        false,
        r#"{"instancesSet":{"items":[{"instanceId":"$i"}]}}"#,
        r#"{"requestId":"$u","instancesSet":{"items":[{"instanceId":"$i","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}"#,
    ),
    call(
        35,
        Caller::Role,
        "logs.amazonaws.com",
        "CreateLogStream",
        false,
        r#"{"logGroupName":"/aws/lambda/function-$n","logStreamName":"2026/01/09/[$LATEST]$h"}"#,
        "null",
    ),
    call(
        12,
        Caller::Role,
        "logs.amazonaws.com",
        "DescribeLogGroups",
        true,
        r#"{"logGroupNamePrefix":"/aws/lambda/function-$n","limit":50}"#,
        "null",
    ),
    call(
        40,
        Caller::Role,
        "ssm.amazonaws.com",
        "GetParameter",
        true,
        r#"{"name":"/app/config-$n","withDecryption":false}"#,
        "null",
    ),
    call(
        14,
        Caller::Role,
        "ssm.amazonaws.com",
        "GetParametersByPath",
        true,
        r#"{"path":"/app/orders-$n","recursive":true,"withDecryption":true,"maxResults":10}"#,
        "null",
    ),
    call(
        20,
        Caller::Role,
        "ssm.amazonaws.com",
        "UpdateInstanceInformation",
        false,
        r#"{"instanceId":"$i","agentVersion":"3.3.1345.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.0.0.$n","computerName":"ip-10-0-0-$n.$r.compute.internal","agentName":"amazon-ssm-agent"}"#,
        "null",
    ),
    call(
        22,
        Caller::Role,
        "secretsmanager.amazonaws.com",
        "GetSecretValue",
        true,
        r#"{"secretId":"arn:aws:secretsmanager:$r:111122223333:secret:prod/db","versionStage":"AWSCURRENT"}"#,
        "null",
    ),
    call(
        26,
        Caller::Role,
        "dynamodb.amazonaws.com",
        "DescribeTable",
        true,
        r#"{"tableName":"orders-$n"}"#,
        "null",
    ),
    Call {
        data: true,
        ..call(
            50,
            Caller::Role,
            "dynamodb.amazonaws.com",
            "GetItem",
            true,
            r#"{"tableName":"orders","key":{"id":"$u"},"consistentRead":false}"#,
            "null",
        )
    },
    Call {
        data: true,
        ..call(
            30,
            Caller::Role,
            "lambda.amazonaws.com",
            "Invoke",
            false,
            r#"{"functionName":"arn:aws:lambda:$r:111122223333:function:function-$n","sourceArn":"arn:aws:sqs:$r:111122223333:queue-$n","contentType":"application/json"}"#,
            "null",
        )
    },
    call(
        8,
        Caller::User,
        "lambda.amazonaws.com",
        "GetFunction20150331v2",
        true,
        r#"{"functionName":"function-$n"}"#,
        "null",
    ),
    call(
        2,
        Caller::User,
        "lambda.amazonaws.com",
        "UpdateFunctionCode20150331v2",
        false,
        r#"{"functionName":"function-$n","s3Bucket":"artifacts","s3Key":"$w","publish":false,"dryRun":false}"#,
        r#"{"functionName":"function-$n","functionArn":"arn:aws:lambda:$r:111122223333:function:function-$n","runtime":"python3.13","role":"arn:aws:iam::111122223333:role/role-$n","handler":"app.handler","codeSize":$n,"timeout":30,"memorySize":512,"lastModified":"$t","codeSha256":"$s","version":"$LATEST","packageType":"Zip"}"#,
    ),
    Call {
        fails: 120,
        ..call(
            14,
            Caller::User,
            "iam.amazonaws.com",
            "GetRole",
            true,
            r#"{"roleName":"role-$n"}"#,
            "null",
        )
    },
    call(
        12,
        Caller::User,
        "iam.amazonaws.com",
        "ListAttachedRolePolicies",
        true,
        r#"{"roleName":"role-$n"}"#,
        "null",
    ),
    call(
        3,
        Caller::User,
        "iam.amazonaws.com",
        "ListRoles",
        true,
        r#"{"maxItems":100}"#,
        "null",
    ),
    call(
        1,
        Caller::Role,
        "iam.amazonaws.com",
        "CreateRole",
        false,
        r#"{"roleName":"role-$n","path":"/","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}"#,
        r#"{"role":{"path":"/","roleName":"role-$n","roleId":"AROA$K","arn":"arn:aws:iam::111122223333:role/role-$n","createDate":"Jan 9, 2026, 9:12:44 AM","assumeRolePolicyDocument":"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D"}}"#,
    ),
    call(
        24,
        Caller::Role,
        "monitoring.amazonaws.com",
        "DescribeAlarms",
        true,
        r#"{"alarmNames":["cpu-$n"],"maxRecords":100}"#,
        "null",
    ),
    call(
        30,
        Caller::Service("cloudtrail.amazonaws.com"),
        "s3.amazonaws.com",
        "GetBucketAcl",
        true,
        r#"{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","acl":""}"#,
        "null",
    ),
    call(
        16,
        Caller::Service("config.amazonaws.com"),
        "s3.amazonaws.com",
        "GetBucketPolicyStatus",
        true,
        r#"{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","policyStatus":""}"#,
        "null",
    ),
    call(
        16,
        Caller::Role,
        "ecr.amazonaws.com",
        "BatchGetImage",
        true,
        r#"{"repositoryName":"app-$n","imageIds":[{"imageTag":"build-$n"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json"],"registryId":"111122223333"}"#,
        "null",
    ),
    call(
        12,
        Caller::Role,
        "ecr.amazonaws.com",
        "GetAuthorizationToken",
        true,
        "null",
        "null",
    ),
    call(
        10,
        Caller::Role,
        "ecs.amazonaws.com",
        "DescribeTasks",
        true,
        r#"{"cluster":"prod","tasks":["arn:aws:ecs:$r:111122223333:task/prod/$h"]}"#,
        "null",
    ),
    call(
        10,
        Caller::Role,
        "eks.amazonaws.com",
        "DescribeCluster",
        true,
        r#"{"name":"prod-$n"}"#,
        "null",
    ),
    call(
        12,
        Caller::Role,
        "elasticloadbalancing.amazonaws.com",
        "DescribeTargetHealth",
        true,
        r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:$r:111122223333:targetgroup/app-$n/$h"}"#,
        "null",
    ),
    call(
        9,
        Caller::User,
        "cloudformation.amazonaws.com",
        "DescribeStacks",
        true,
        r#"{"stackName":"stack-$n"}"#,
        "null",
    ),
    call(
        9,
        Caller::Role,
        "rds.amazonaws.com",
        "DescribeDBInstances",
        true,
        r#"{"dBInstanceIdentifier":"db-$n"}"#,
        "null",
    ),
    call(
        7,
        Caller::Role,
        "sqs.amazonaws.com",
        "GetQueueAttributes",
        true,
        r#"{"queueUrl":"https://sqs.$r.amazonaws.com/111122223333/queue-$n","attributeNames":["ApproximateNumberOfMessages"]}"#,
        "null",
    ),
    call(
        6,
        Caller::User,
        "cloudtrail.amazonaws.com",
        "LookupEvents",
        true,
        r#"{"maxResults":50,"lookupAttributes":[{"attributeKey":"ResourceName","attributeValue":"role-$n"}]}"#,
        "null",
    ),
    call(
        6,
        Caller::Role,
        "organizations.amazonaws.com",
        "DescribeAccount",
        true,
        r#"{"accountId":"111122223333"}"#,
        "null",
    ),
    call(
        6,
        Caller::Role,
        "tagging.amazonaws.com",
        "GetResources",
        true,
        r#"{"tagFilters":[{"key":"team","values":["payments-$n"]}],"resourcesPerPage":100}"#,
        "null",
    ),
];

const HEX: &[u8] = b"0123456789abcdef";
const OPAQUE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Writes a template with its marks filled in.
pub(super) fn fill(
    template: &str,
    chance: &mut Chance,
    time: &str,
    region: &str,
    text: &mut String,
) {
    let mut rest = template;
    while let Some((plain, after)) = rest.split_once('$') {
        text.push_str(plain);
        let mut marks = after.chars();
        let mark = marks.next();
        rest = marks.as_str();
        match mark {
            Some('i') => {
                text.push_str("i-0");
                text.push_str(&chance.text(HEX, 16));
            }
            Some('h') => text.push_str(&chance.text(HEX, 17)),
            Some('b') => {
                let _ = write!(text, "acme-data-{}", chance.skewed(40));
            }
            Some('w') => {
                let (day, part) = (chance.below(30), chance.below(100_000));
                let _ = write!(text, "lake/2026/01/{day:02}/part-{part:05}.snappy.parquet");
            }
            Some('n') => {
                let _ = write!(text, "{}", chance.below(400));
            }
            Some('u') => text.push_str(&chance.uuid()),
            Some('K') => text.push_str(&chance.text(UPPER, 16)),
            Some('s') => text.push_str(&chance.text(OPAQUE, 60)),
            Some('S') => text.push_str(&chance.text(OPAQUE, 400)),
            Some('t') => text.push_str(time),
            Some('r') => text.push_str(region),
            Some(other) => {
                text.push('$');
                text.push(other);
            }
            None => text.push('$'),
        }
    }
    text.push_str(rest);
}

/// A moment as CloudTrail writes it.
pub(super) fn time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March of year 0, in eras of 400 years.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        era * 400 + year_of_era + carry,
        rest / 3_600,
        rest % 3_600 / 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_events_are_well_formed() {
        assert_eq!(time(super::super::START), "2026-01-01T00:00:00Z");
        assert_eq!(time(951_782_399), "2000-02-28T23:59:59Z");
        let company = super::super::company::Company::new(&mut Chance::new(7));
        let mut chance = Chance::new(8);
        for _ in 0..2_000 {
            let mut text = String::new();
            company.event(&mut chance, super::super::START, &mut text);
            let event: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(event["eventName"].is_string(), "{text}");
        }
    }
}
