//! Puts back a bucket's policy.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed, document_state};
use crate::aws::{Aws, Call, CallError, find};
use crate::document;

/// Replaces a bucket's policy by another document, or by none. AWS replaces the whole policy, so
/// the document must hold every statement that is to stay.
pub struct RestoreBucketPolicy;

/// The parameters of [`RestoreBucketPolicy`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The bucket.
    pub bucket: String,
    /// The policy, or null for none.
    pub document: Value,
}

impl RestoreBucketPolicy {
    /// The parameters; null for no policy.
    pub fn params(bucket: &str, document: Value) -> Params {
        Params {
            bucket: bucket.to_owned(),
            document,
        }
    }
}

fn set(bucket: &str, content: Option<&Value>) -> Call {
    match content {
        Some(content) => Call::new(
            "s3",
            "PutBucketPolicy",
            json!({"Bucket": bucket, "Policy": document::text(content)}),
        ),
        None => Call::new("s3", "DeleteBucketPolicy", json!({ "Bucket": bucket })),
    }
}

impl Action for RestoreBucketPolicy {
    const NAME: &'static str = "restore_bucket_policy";
    type Params = Params;

    fn title(params: &Params) -> String {
        match params.document {
            Value::Null => format!("remove the policy of bucket {}", params.bucket),
            _ => format!("restore the policy of bucket {}", params.bucket),
        }
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let call = Call::new("s3", "GetBucketPolicy", json!({ "Bucket": params.bucket }));
        let answer = find(aws, &call).await?;
        let policy = answer.and_then(|answer| document::read(answer.get("Policy")));
        Ok(Observed::of(document_state(policy)))
    }

    fn after(params: &Params, _before: &Value) -> Value {
        document_state(Some(params.document.clone()).filter(|d| !d.is_null()))
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        set(
            &params.bucket,
            Some(&params.document).filter(|d| !d.is_null()),
        )
    }

    fn inverse(params: &Params, before: &Value, _handles: &Value) -> Option<Call> {
        Some(set(&params.bucket, before.get("document")))
    }

    fn check(params: &Params) -> String {
        format!("the policy of bucket {} reads back", params.bucket)
    }
}
