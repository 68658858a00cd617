//! What a call must be allowed to do: its action, on which ARN, with IAM's condition keys.
//!
//! Owns the ARNs on which IAM's actions are authorised. Decides nothing.

use serde::Deserialize;
use serde_json::json;
use stockade_policy::{Context, Named, Policy, Principal, ResourceRule};

use super::attachments::Holder;
use super::boundaries;
use super::delegation_requests;
use super::delegation_review;
use super::oidc_providers;
use super::roles;
use super::saml_providers;
use super::scope;
use super::service_linked_roles;
use super::state::{State, key};
use super::tags::Tag;
use super::users;
use crate::call::Call;
use crate::row::Need;
use crate::state::State as Range;

/// Every member that tells what a call is about.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct About {
    user_name: Option<String>,
    group_name: Option<String>,
    role_name: Option<String>,
    policy_arn: Option<String>,
    policy_name: Option<String>,
    instance_profile_name: Option<String>,
    serial_number: Option<String>,
    server_certificate_name: Option<String>,
    new_server_certificate_name: Option<String>,
    #[serde(rename = "VirtualMFADeviceName")]
    virtual_mfa_device_name: Option<String>,
    access_key_id: Option<String>,
    policy_source_arn: Option<String>,
    arn: Option<String>,
    template_arn: Option<String>,
    entity_arn: Option<String>,
    entity_path: Option<String>,
    delegation_request_id: Option<String>,
    deletion_task_id: Option<String>,
    #[serde(rename = "AWSServiceName")]
    service_name: Option<String>,
    custom_suffix: Option<String>,
    organizations_policy_id: Option<String>,
    path: Option<String>,
    path_prefix: Option<String>,
    new_path: Option<String>,
    new_user_name: Option<String>,
    new_group_name: Option<String>,
    permissions_boundary: Option<String>,
    url: Option<String>,
    name: Option<String>,
    #[serde(rename = "OpenIDConnectProviderArn")]
    oidc_provider: Option<String>,
    #[serde(rename = "SAMLProviderArn")]
    saml_provider: Option<String>,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
}

/// The state and the input of a call; an account's IAM is always there.
struct Asked<'a> {
    state: Option<&'a State>,
    about: About,
    call: &'a Call<'a>,
}

impl<'a> Asked<'a> {
    fn read(range: &'a Range, call: &'a Call<'a>) -> Self {
        Self {
            state: scope::iam(range, call).ok(),
            about: call.read().unwrap_or_default(),
            call,
        }
    }

    fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{kind}{path}{name}", self.call.account())
    }

    /// The ARN of an entity: with its own path where it exists, else with the path that the call gives it.
    fn entity(&self, kind: &str, name: &str, path: Option<&str>) -> String {
        let given = self.about.path.as_deref().unwrap_or("/");
        self.arn(kind, path.unwrap_or(given), name)
    }

    fn user(&self, name: &str) -> String {
        let found = self.state.and_then(|state| state.user(name));
        self.entity(
            "user",
            found.map_or(name, |u| &u.name),
            found.map(|u| &*u.path),
        )
    }

    fn group(&self, name: &str) -> String {
        let found = self.state.and_then(|state| state.group(name));
        self.entity(
            "group",
            found.map_or(name, |g| &g.name),
            found.map(|g| &*g.path),
        )
    }

    fn role(&self, name: &str) -> String {
        let found = self.state.and_then(|state| state.role(name));
        self.entity(
            "role",
            found.map_or(name, |r| &r.name),
            found.map(|r| &*r.path),
        )
    }

    fn instance_profile(&self, name: &str) -> String {
        let found = self.state.and_then(|s| s.instance_profiles.get(&key(name)));
        self.entity(
            "instance-profile",
            found.map_or(name, |p| &p.name),
            found.map(|p| &*p.path),
        )
    }

    fn prefix(&self, kind: &str) -> String {
        self.arn(kind, self.about.path_prefix.as_deref().unwrap_or("/"), "")
    }

    /// Whether the account's rules let every user change their own password.
    fn lets_users_change_passwords(&self) -> bool {
        let rules = self.state.and_then(|state| state.password_policy.as_ref());
        rules.is_some_and(|rules| rules.users_may_change)
            && matches!(self.call.caller.principal, Principal::User { .. })
    }

    fn need(&self, resource: String) -> Need {
        let mut need = Need::new(&format!("iam:{}", self.call.operation), resource);
        need.context = self.context();
        need
    }

    /// IAM's condition keys: what the call asks for, and what its entity carries.
    fn context(&self) -> Context {
        let about = &self.about;
        let mut context = Context::new();
        for tag in &about.tags {
            context.set(&format!("aws:RequestTag/{}", tag.key), &tag.value);
        }
        let keys: Vec<&str> = match about.tag_keys.is_empty() {
            true => about.tags.iter().map(|tag| tag.key.as_str()).collect(),
            false => about.tag_keys.iter().map(String::as_str).collect(),
        };
        context.insert("aws:TagKeys", keys);
        if let Some(arn) = &about.policy_arn
            && (self.call.operation.starts_with("Attach")
                || self.call.operation.starts_with("Detach"))
        {
            context.set("iam:PolicyARN", arn);
        }
        let Some(state) = self.state else {
            return context;
        };
        let holder = Holder::of(self.call).ok();
        let carried = holder.as_ref().and_then(|h| boundaries::current(state, h));
        if let Some(arn) = about.permissions_boundary.as_deref().or(carried) {
            context.set("iam:PermissionsBoundary", arn);
        }
        for tag in self.tags(state) {
            context.set(&format!("iam:ResourceTag/{}", tag.key), &tag.value);
            context.set(&format!("aws:ResourceTag/{}", tag.key), &tag.value);
        }
        context
    }

    /// The tags of the entity that the call is about.
    fn tags<'s>(&self, state: &'s State) -> &'s [Tag] {
        let about = &self.about;
        let user = about
            .user_name
            .as_ref()
            .and_then(|name| state.user(name))
            .map(|u| &*u.tags);
        let role = about
            .role_name
            .as_ref()
            .and_then(|name| state.role(name))
            .map(|r| &*r.tags);
        let policy = about
            .policy_arn
            .as_ref()
            .and_then(|arn| state.policy(arn))
            .map(|p| &*p.tags);
        let profile = about.instance_profile_name.as_ref();
        let profile = profile
            .and_then(|n| state.instance_profiles.get(&key(n)))
            .map(|p| &*p.tags);
        let device = about
            .serial_number
            .as_ref()
            .and_then(|serial| state.mfa_devices.get(serial))
            .map(|device| &*device.tags);
        let certificate = about
            .server_certificate_name
            .as_ref()
            .and_then(|name| state.server_certificates.get(&key(name)))
            .map(|certificate| &*certificate.tags);
        let account = self.call.account();
        let oidc = about.oidc_provider.as_ref().and_then(|arn| {
            let key = oidc_providers::key_of(account, arn).ok()?;
            state.oidc_providers.get(&key).map(|p| &*p.tags)
        });
        let saml = about.saml_provider.as_ref().and_then(|arn| {
            let key = saml_providers::key_of(account, arn).ok()?;
            state.saml_providers.get(&key).map(|p| &*p.tags)
        });
        user.or(role)
            .or(policy)
            .or(profile)
            .or(device)
            .or(certificate)
            .or(oidc)
            .or(saml)
            .unwrap_or_default()
    }
}

/// On nothing in particular.
pub fn anything(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need("*".to_owned())]
}

/// On the user that the call names, or on the caller. A change of name or path needs the new ARN as well.
pub fn user(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let Some(name) = &about.user_name else {
        let caller = asked.state.map(|state| users::caller_arn(state, call));
        return vec![asked.need(caller.unwrap_or_else(|| call.caller.arn.clone()))];
    };
    let mut needs = vec![asked.need(asked.user(name))];
    if about.new_path.is_some() || about.new_user_name.is_some() {
        let found = asked.state.and_then(|state| state.user(name));
        let path = about.new_path.as_deref().or(found.map(|u| &*u.path));
        let name = about.new_user_name.as_deref().unwrap_or(name);
        needs.push(asked.need(asked.arn("user", path.unwrap_or("/"), name)));
    }
    needs
}

/// On the user who is to sign in to one service.
pub fn service_credential(range: &Range, call: &Call<'_>) -> Vec<Need> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Asks {
        service_name: String,
        credential_age_days: Option<u32>,
    }
    let asks: Asks = call.read().unwrap_or_default();
    let mut needs = user(range, call);
    for need in &mut needs {
        let context = &mut need.context;
        context.set(
            "iam:ServiceSpecificCredentialServiceName",
            &asks.service_name,
        );
        if let Some(days) = asks.credential_age_days {
            context.set("iam:ServiceSpecificCredentialAgeDays", days.to_string());
        }
    }
    needs
}

/// On every user under a path.
pub fn users(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("user"))]
}

/// On the user who owns the access key that the call names.
pub fn key_owner(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let id = asked.about.access_key_id.as_deref().unwrap_or_default();
    let owner = asked
        .state
        .and_then(|state| state.access_key(id))
        .and_then(|key| key.user());
    let resource = owner.map_or_else(|| "*".to_owned(), |name| asked.user(name));
    vec![asked.need(resource)]
}

/// On the group that the call names. A change of name or path needs the new ARN as well.
pub fn group(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let name = about.group_name.as_deref().unwrap_or_default();
    let mut needs = vec![asked.need(asked.group(name))];
    if about.new_path.is_some() || about.new_group_name.is_some() {
        let found = asked.state.and_then(|state| state.group(name));
        let path = about.new_path.as_deref().or(found.map(|g| &*g.path));
        let name = about.new_group_name.as_deref().unwrap_or(name);
        needs.push(asked.need(asked.arn("group", path.unwrap_or("/"), name)));
    }
    needs
}

/// On every group under a path.
pub fn groups(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("group"))]
}

/// On the role that the call names.
pub fn role(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let name = asked.about.role_name.as_deref().unwrap_or_default();
    vec![asked.need(asked.role(name))]
}

/// On every role under a path.
pub fn roles(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("role"))]
}

/// On the managed policy that the call names or makes.
pub fn policy(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let resource = match (&about.policy_arn, &about.policy_name) {
        (Some(arn), _) => arn.clone(),
        (None, Some(name)) => asked.entity("policy", name, None),
        (None, None) => "*".to_owned(),
    };
    vec![asked.need(resource)]
}

/// On every managed policy. AWS names no ARN here, so that only `*` allows it.
pub fn policies(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let path = asked.about.path_prefix.as_deref().unwrap_or("/");
    vec![asked.need(format!("policy path {path}"))]
}

/// On the instance profile that the call names. Putting a role in needs `iam:PassRole` on the role as well.
pub fn instance_profile(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let name = asked
        .about
        .instance_profile_name
        .as_deref()
        .unwrap_or_default();
    let mut needs = vec![asked.need(asked.instance_profile(name))];
    if let Some(role) = asked
        .about
        .role_name
        .as_deref()
        .filter(|_| call.operation == "AddRoleToInstanceProfile")
    {
        let mut pass = Need::new("iam:PassRole", asked.role(role));
        pass.context.set("iam:PassedToService", "ec2.amazonaws.com");
        needs.push(pass);
    }
    needs
}

/// On every instance profile under a path.
pub fn instance_profiles(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("instance-profile"))]
}

/// On the MFA device that the call names or makes.
pub fn mfa_device(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let resource = match (&about.serial_number, &about.virtual_mfa_device_name) {
        (Some(serial), _) => serial.clone(),
        (None, Some(name)) => asked.entity("mfa", name, None),
        (None, None) => asked.prefix("mfa"),
    };
    vec![asked.need(resource)]
}

/// On the server certificate that the call names or uploads. A change of name or path needs the new ARN as well.
pub fn server_certificate(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let name = about.server_certificate_name.as_deref().unwrap_or_default();
    let found = asked
        .state
        .and_then(|state| state.server_certificates.get(&key(name)));
    let (known, path) = (
        found.map_or(name, |c| &c.name),
        found.map(|c| c.path.as_str()),
    );
    let mut needs = vec![asked.need(asked.entity("server-certificate", known, path))];
    if about.new_path.is_some() || about.new_server_certificate_name.is_some() {
        let path = about.new_path.as_deref().or(path).unwrap_or("/");
        let name = about
            .new_server_certificate_name
            .as_deref()
            .unwrap_or(known);
        needs.push(asked.need(asked.arn("server-certificate", path, name)));
    }
    needs
}

/// On every server certificate under a path.
pub fn server_certificates(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    vec![asked.need(asked.prefix("server-certificate"))]
}

/// On the role that a service is to have.
pub fn service_linked_role(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let service = asked.about.service_name.as_deref().unwrap_or_default();
    let name = service_linked_roles::name_of(service, asked.about.custom_suffix.as_deref());
    let path = format!("{}{service}/", roles::SERVICE_LINKED);
    let mut need = asked.need(asked.arn("role", &path, &name.unwrap_or_default()));
    need.context.set("iam:AWSServiceName", service);
    vec![need]
}

/// On the role that a task deletes.
pub fn deletion_task(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let task = asked.about.deletion_task_id.as_deref().unwrap_or_default();
    let role = task
        .strip_prefix("task/")
        .and_then(|rest| rest.rsplit_once('/'))
        .map_or("", |(role, _)| role);
    vec![asked.need(asked.arn("role", "/", role))]
}

/// On the role template that the call names.
pub fn role_template(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let arn = asked.about.template_arn.clone();
    vec![asked.need(arn.unwrap_or_else(|| "*".to_owned()))]
}

/// On the access report of an entity of the organisation.
pub fn access_report(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let path = asked.about.entity_path.as_deref().unwrap_or_default();
    let mut need = asked.need(asked.arn("access-report", "/", path));
    if let Some(policy) = &asked.about.organizations_policy_id {
        need.context.set("iam:OrganizationsPolicyId", policy);
    }
    vec![need]
}

/// On the delegation request that the call makes.
pub fn new_delegation_request(range: &Range, call: &Call<'_>) -> Vec<Need> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Asks {
        session_duration: u32,
        notification_channel: String,
        permissions: Permissions,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Permissions {
        policy_template_arn: String,
    }
    let asked = Asked::read(range, call);
    let asks: Asks = call.read().unwrap_or_default();
    let mut need = asked.need(asked.arn("delegation-request", "/", "*"));
    let context = &mut need.context;
    context.set("iam:DelegationDuration", asks.session_duration.to_string());
    context.set("iam:NotificationChannel", asks.notification_channel);
    context.set("iam:TemplateArn", asks.permissions.policy_template_arn);
    vec![need]
}

/// On the delegation request that the call names. Whoever owns it may look at it and forward it without any policy
/// that says so.
pub fn delegation_request(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let id = about.delegation_request_id.clone().or_else(|| {
        let arn = about.entity_arn.as_deref()?;
        delegation_review::request_in(arn)
    });
    let id = id.unwrap_or_default();
    let found = delegation_requests::find(range, call, &id).ok();
    let mut need = asked.need(match found {
        Some(request) => request.arn(call.account()).to_string(),
        None => asked.arn("delegation-request", "/", &id),
    });
    if let Some(owner) = found.and_then(|request| request.owner.as_deref()) {
        need.context.set("iam:DelegationRequestOwner", owner);
        let by_default = matches!(
            call.operation,
            "GetDelegationRequest" | "UpdateDelegationRequest" | "GetHumanReadableSummary"
        );
        if by_default && owner == call.caller.arn {
            need.policy = granted_to(owner, &need.action);
        }
    }
    vec![need]
}

/// On the user who calls, whose own password it is. The account's rules may let every user.
pub fn own_password(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let caller = asked.state.map(|state| users::caller_arn(state, call));
    let arn = caller.unwrap_or_else(|| call.caller.arn.clone());
    let mut need = asked.need(arn.clone());
    if asked.lets_users_change_passwords() {
        need.policy = granted_to(&arn, &need.action);
    }
    vec![need]
}

/// On the account's rules for passwords: those who may change theirs may read them.
pub fn password_rules(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let mut need = asked.need("*".to_owned());
    if asked.lets_users_change_passwords() {
        need.policy = granted_to(&call.caller.arn, &need.action);
    }
    vec![need]
}

/// What IAM grants of itself, without any policy of the customer's: as if the resource had a policy.
fn granted_to(principal: &str, action: &str) -> Option<(Named, ResourceRule)> {
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": principal},
            "Action": action,
            "Resource": "*",
        }],
    });
    let policy = Policy::parse_resource(&document.to_string()).ok()?;
    Some((Named::new("granted by IAM", policy), ResourceRule::Ordinary))
}

/// On the OpenID Connect provider that the call names or makes.
pub fn oidc_provider(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let url = asked.about.url.as_deref().unwrap_or_default();
    let url = url.strip_prefix("https://").unwrap_or(url);
    let made = asked.arn("oidc-provider", "/", url.strip_suffix('/').unwrap_or(url));
    let resource = asked.about.oidc_provider.clone().unwrap_or(made);
    vec![asked.need(resource)]
}

/// On the SAML provider that the call names or makes.
pub fn saml_provider(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let name = asked.about.name.as_deref().unwrap_or_default();
    let made = asked.arn("saml-provider", "/", name);
    let resource = asked.about.saml_provider.clone().unwrap_or(made);
    vec![asked.need(resource)]
}

/// On the user, group, role or policy whose ARN the call gives.
pub fn source(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let asked = Asked::read(range, call);
    let about = &asked.about;
    let arn = about.policy_source_arn.as_ref().or(about.arn.as_ref());
    let mut need = asked.need(arn.cloned().unwrap_or_else(|| "*".to_owned()));
    // That another account's entities are out of reach is an error of its own.
    need.owner = Some(call.account().clone());
    vec![need]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    fn allow(action: &str, resource: &str) -> serde_json::Value {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
    }

    #[test]
    fn a_path_is_part_of_the_resource() {
        let mut cloud = Cloud::new();
        let low = cloud.user_with(
            "low",
            allow("iam:*", "arn:aws:iam::123456789012:user/dev/*"),
        );
        let make = |path: &str, name: &str| json!({"UserName": name, "Path": path});
        cloud
            .call(&low, "iam", "CreateUser", make("/dev/", "one"))
            .unwrap();
        let refused = cloud
            .call(&low, "iam", "CreateUser", make("/ops/", "two"))
            .unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
        assert_eq!(
            refused.message,
            "User: arn:aws:iam::123456789012:user/low is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::123456789012:user/ops/two because no identity-based policy allows the iam:CreateUser action"
        );
        // The user's own path counts, not one that the caller makes up.
        cloud
            .call(&low, "iam", "GetUser", json!({"UserName": "one"}))
            .unwrap();
        // A user must not be moved out of what one may touch.
        let out = json!({"UserName": "one", "NewPath": "/ops/"});
        assert_eq!(
            cloud.call(&low, "iam", "UpdateUser", out).unwrap_err().code,
            "AccessDenied"
        );
    }

    #[test]
    fn tags_of_the_entity_and_of_the_request_are_conditions() {
        let mut cloud = Cloud::new();
        let own_team = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*", "Condition": {"StringEquals": {"iam:ResourceTag/team": "red"}}},
            {"Effect": "Allow", "Action": "iam:TagUser", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}, "StringEquals": {"aws:RequestTag/team": "red"}}},
        ]});
        let low = cloud.user_with("low", own_team);
        cloud
            .iam(
                "CreateUser",
                json!({"UserName": "a", "Tags": [{"Key": "team", "Value": "red"}]}),
            )
            .unwrap();
        cloud.iam("CreateUser", json!({"UserName": "b"})).unwrap();
        assert!(
            cloud
                .call(&low, "iam", "GetUser", json!({"UserName": "a"}))
                .is_ok()
        );
        assert!(
            cloud
                .call(&low, "iam", "GetUser", json!({"UserName": "b"}))
                .is_err()
        );
        let tag = |tags| json!({"UserName": "b", "Tags": tags});
        assert!(
            cloud
                .call(
                    &low,
                    "iam",
                    "TagUser",
                    tag(json!([{"Key": "team", "Value": "blue"}]))
                )
                .is_err()
        );
        assert!(
            cloud
                .call(
                    &low,
                    "iam",
                    "TagUser",
                    tag(json!([{"Key": "team", "Value": "red"}, {"Key": "x", "Value": ""}]))
                )
                .is_err()
        );
        assert!(
            cloud
                .call(
                    &low,
                    "iam",
                    "TagUser",
                    tag(json!([{"Key": "team", "Value": "red"}]))
                )
                .is_ok()
        );
    }

    #[test]
    fn a_boundary_can_be_demanded_of_new_users() {
        let mut cloud = Cloud::new();
        let boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        let low = cloud.user_with("low", json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["iam:CreateUser", "iam:AttachUserPolicy"], "Resource": "*",
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}},
        }]}));
        assert!(
            cloud
                .call(&low, "iam", "CreateUser", json!({"UserName": "a"}))
                .is_err()
        );
        let with = json!({"UserName": "a", "PermissionsBoundary": boundary});
        assert!(cloud.call(&low, "iam", "CreateUser", with).is_ok());
        cloud
            .iam("CreateUser", json!({"UserName": "free"}))
            .unwrap();
        let attach = |name: &str| json!({"UserName": name, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
        assert!(
            cloud
                .call(&low, "iam", "AttachUserPolicy", attach("a"))
                .is_ok()
        );
        assert!(
            cloud
                .call(&low, "iam", "AttachUserPolicy", attach("free"))
                .is_err()
        );
    }

    #[test]
    fn every_operation_is_refused_to_a_user_without_permissions() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "low"})).unwrap();
        let low = cloud.user("low");
        // AcquireRole needs the actions of its parts.
        let named = |row: &&crate::row::Row| row.operation != "AcquireRole";
        for row in super::super::ROWS.iter().filter(named) {
            let input = json!({"UserName": "low", "RoleName": "r", "GroupName": "g", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
            let refused = cloud.call(&low, "iam", row.operation, input).unwrap_err();
            assert_eq!(refused.code, "AccessDenied", "{}", row.operation);
            assert!(
                refused.message.contains(&format!("iam:{}", row.operation)),
                "{}",
                refused.message
            );
        }
    }
}
