//! What services ask of KMS for their callers, from the service's side.

use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::via::{self, Context};
use crate::call::{Call, Caller, InnerCall};
use crate::services::iam::bench::{ACCOUNT, Cloud};
use crate::state::State;

struct Bench {
    cloud: Cloud,
    key: String,
}

impl Bench {
    fn new() -> Self {
        let mut cloud = Cloud::new();
        let made = cloud.call(&Cloud::root(ACCOUNT), "kms", "CreateKey", json!({}));
        let key = made.unwrap()["KeyMetadata"]["Arn"].as_str().unwrap().into();
        Self { cloud, key }
    }

    /// A user with one statement.
    fn user(&mut self, name: &str, statement: Value) -> Caller {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]});
        self.cloud.user_with(name, document)
    }

    /// What S3 does for a caller, and what that leaves for the trail.
    fn s3<T>(
        &mut self,
        caller: &Caller,
        work: impl FnOnce(&mut State, &Call<'_>) -> T,
    ) -> (T, Vec<InnerCall>) {
        let input = Object::new();
        self.cloud
            .with_call(caller, "s3", "PutObject", &input, |range, call| {
                let done = work(range, call);
                (done, call.inner.take())
            })
    }
}

fn context() -> Context {
    Context::from([("aws:s3:arn".to_owned(), "arn:aws:s3:::b".to_owned())])
}

fn code<T>(result: Result<T, AwsError>) -> String {
    result.err().map(|error| error.code).unwrap_or_default()
}

#[test]
fn a_caller_who_may_use_a_key_through_s3_alone_does_so_and_no_more() {
    let mut bench = Bench::new();
    let anna = bench.user(
        "anna",
        json!({
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {"StringEquals": {
                "kms:ViaService": "s3.us-east-1.amazonaws.com",
                "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::b",
            }},
        }),
    );
    let key = bench.key.clone();
    let directly = json!({"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context()});
    let refused = bench.cloud.call(&anna, "kms", "GenerateDataKey", directly);
    assert_eq!(code(refused), "AccessDeniedException");
    let (made, noted) = bench.s3(&anna, |range, call| {
        via::generate_data_key(range, call, "s3", &key, &context())
    });
    let made = made.unwrap();
    assert_eq!((made.plaintext.expose().len(), &made.key), (32, &key));
    let [inner] = noted.as_slice() else {
        panic!("one call is noted: {noted:?}")
    };
    assert_eq!(
        (inner.operation, inner.via.as_str()),
        ("GenerateDataKey", "s3")
    );
    assert_eq!(
        inner.described.resources.as_ref().unwrap()[0]["ARN"],
        json!(key)
    );
    let (opened, _) = bench.s3(&anna, |range, call| {
        via::decrypt(range, call, "s3", &made.ciphertext, &context())
    });
    assert_eq!(opened.unwrap(), made.plaintext);
    // Through another service, or of another bucket, it is refused, and that is noted too.
    let (refused, noted) = bench.s3(&anna, |range, call| {
        via::decrypt(range, call, "sqs", &made.ciphertext, &context())
    });
    assert_eq!(code(refused), "AccessDeniedException");
    assert!(noted[0].outcome.is_err());
    let (refused, _) = bench.s3(&anna, |range, call| {
        via::decrypt(range, call, "s3", &made.ciphertext, &Context::new())
    });
    assert_eq!(code(refused), "AccessDeniedException");
}

#[test]
fn a_grant_lets_a_caller_in_through_a_service_too() {
    let mut bench = Bench::new();
    let none = json!({"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"});
    let anna = bench.user("anna", none);
    let key = bench.key.clone();
    let work = |range: &mut State, call: &Call<'_>| {
        via::generate_data_key(range, call, "s3", &key, &context())
    };
    assert_eq!(code(bench.s3(&anna, work).0), "AccessDeniedException");
    let grant = json!({
        "KeyId": key, "GranteePrincipal": anna.arn, "Operations": ["GenerateDataKey"],
        "Constraints": {"EncryptionContextSubset": context()},
    });
    let root = Cloud::root(ACCOUNT);
    let (made, _) = bench.s3(&root, |range, call| {
        via::create_grant(range, call, "ec2", grant)
    });
    assert_eq!(made.unwrap().len(), 64);
    let work = |range: &mut State, call: &Call<'_>| {
        via::generate_data_key(range, call, "s3", &key, &context())
    };
    assert!(bench.s3(&anna, work).0.is_ok());
}

#[test]
fn aws_own_key_is_made_once_and_opens_to_its_own_account_through_its_own_service() {
    let mut bench = Bench::new();
    let all = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
    let anna = bench.user("anna", all);
    let (own, _) = bench.s3(&anna, |range, call| via::own_key(range, call, "s3"));
    let own = own.unwrap();
    let (again, _) = bench.s3(&anna, |range, call| via::own_key(range, call, "s3"));
    assert_eq!(again.unwrap(), own);
    let (made, _) = bench.s3(&anna, |range, call| {
        via::generate_data_key(range, call, "s3", &own, &context())
    });
    let made = made.unwrap();
    for (service, id) in [("sqs", ACCOUNT), ("s3", "444455556666")] {
        let caller = match id {
            ACCOUNT => anna.clone(),
            other => Cloud::root(other),
        };
        let (refused, _) = bench.s3(&caller, |range, call| {
            via::decrypt(range, call, service, &made.ciphertext, &context())
        });
        assert_eq!(code(refused), "AccessDeniedException", "{service} {id}");
    }
    let (refused, _) = bench.s3(&anna, |range, call| via::own_key(range, call, "nothing"));
    assert_eq!(code(refused), "NotFoundException");
}

#[test]
fn a_key_that_is_off_is_of_no_use_to_a_service() {
    let mut bench = Bench::new();
    let (root, key) = (Cloud::root(ACCOUNT), bench.key.clone());
    let (sealed, _) = bench.s3(&root, |range, call| {
        via::encrypt(range, call, "s3", &key, b"x", &context())
    });
    let off = json!({"KeyId": key});
    bench.cloud.call(&root, "kms", "DisableKey", off).unwrap();
    let (refused, noted) = bench.s3(&root, |range, call| {
        via::decrypt(range, call, "s3", &sealed.unwrap(), &context())
    });
    assert_eq!(code(refused), "DisabledException");
    assert_eq!(noted.len(), 1);
    let (found, _) = bench.s3(&root, |range, call| via::describe(range, call, "s3", &key));
    assert_eq!(found.unwrap(), key);
}
