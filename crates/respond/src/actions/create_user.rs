//! Makes a user, without keys and without a password.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Observed};
use crate::aws::{Aws, Call, CallError, find};

/// Makes a user anew. It has another unique id than the one of that name before it.
pub struct CreateUser;

/// The parameters of [`CreateUser`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The user.
    pub user: String,
    /// Its path, `/` for none.
    pub path: String,
    /// Its tags, as AWS has them: `{"Key": …, "Value": …}`.
    pub tags: Vec<Value>,
}

impl CreateUser {
    /// The parameters.
    pub fn params(user: &str, path: &str, tags: Vec<Value>) -> Params {
        Params {
            user: user.to_owned(),
            path: path.to_owned(),
            tags,
        }
    }
}

impl Action for CreateUser {
    const NAME: &'static str = "create_user";
    type Params = Params;

    fn title(params: &Params) -> String {
        format!("create user {} anew, without keys", params.user)
    }

    async fn observe(aws: &dyn Aws, params: &Params) -> Result<Observed, CallError> {
        let call = Call::new("iam", "GetUser", json!({ "UserName": params.user }));
        let answer = find(aws, &call).await?;
        Ok(Observed::of(json!({ "exists": answer.is_some() })))
    }

    fn after(_params: &Params, _before: &Value) -> Value {
        json!({ "exists": true })
    }

    fn apply(params: &Params, _before: &Value, _handles: &Value) -> Call {
        let mut input = json!({"UserName": params.user, "Path": params.path});
        if let (Some(members), false) = (input.as_object_mut(), params.tags.is_empty()) {
            members.insert("Tags".to_owned(), json!(params.tags));
        }
        Call::new("iam", "CreateUser", input)
    }

    fn inverse(params: &Params, _before: &Value, _handles: &Value) -> Option<Call> {
        Some(Call::new(
            "iam",
            "DeleteUser",
            json!({ "UserName": params.user }),
        ))
    }

    fn check(params: &Params) -> String {
        format!("user {} is there", params.user)
    }
}
