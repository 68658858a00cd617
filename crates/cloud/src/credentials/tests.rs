//! Every source of credentials, and what is said where there is none.

use super::*;
use stockade_model::SystemClock;

struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str, credentials: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        if !config.is_empty() {
            std::fs::write(folder.path().join(".aws/config"), config).unwrap();
        }
        if !credentials.is_empty() {
            std::fs::write(folder.path().join(".aws/credentials"), credentials).unwrap();
        }
        Self(folder)
    }

    async fn load(
        &self,
        profile: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Config, CredentialsError> {
        let home = self.0.path().to_str().unwrap();
        let environment =
            Environment::of(std::iter::once(("HOME", home)).chain(variables.iter().copied()));
        let overrides = Overrides {
            profile: profile.map(str::to_owned),
            ..Overrides::default()
        };
        Config::load(&environment, &overrides, Arc::new(SystemClock)).await
    }

    async fn key(&self, profile: Option<&str>, variables: &[(&str, &str)]) -> String {
        let config = self.load(profile, variables).await.unwrap();
        config.credentials.access_key
    }

    async fn error(&self, profile: Option<&str>, variables: &[(&str, &str)]) -> String {
        let error = self.load(profile, variables).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cr3t"), "{text}");
        error.to_string()
    }
}

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAENV"),
    ("AWS_SECRET_ACCESS_KEY", "s3cr3t-e"),
];

fn two_profiles() -> Home {
    Home::new(
        "[default]\nregion = eu-west-3\naws_access_key_id = AKIAOLD\n[profile work]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:4566\n",
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s3cr3t-d\n[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s3cr3t-w\naws_session_token = t\n",
    )
}

#[tokio::test]
async fn the_order_of_sources() {
    let home = two_profiles();
    assert_eq!(home.key(None, &[]).await, "AKIADEFAULT");
    assert_eq!(home.key(None, &KEYS).await, "AKIAENV");
    assert_eq!(home.key(None, &[("AWS_PROFILE", "work")]).await, "AKIAWORK");
    let both = [KEYS[0], KEYS[1], ("AWS_PROFILE", "work")];
    assert_eq!(home.key(None, &both).await, "AKIAENV");
    assert_eq!(home.key(Some("work"), &KEYS).await, "AKIAWORK");
    assert_eq!(home.key(None, &[("AWS_PROFILE", "")]).await, "AKIADEFAULT");
}

#[tokio::test]
async fn region_and_endpoint() {
    let home = two_profiles();
    let config = home.load(Some("work"), &[]).await.unwrap();
    assert_eq!(config.region.as_str(), "eu-north-1");
    assert_eq!(
        config.endpoint.unwrap().to_string(),
        "http://127.0.0.1:4566/"
    );
    assert_eq!(config.credentials.session_token.unwrap().expose(), "t");
    let variables = [
        ("AWS_REGION", "ap-south-1"),
        ("AWS_DEFAULT_REGION", "ap-south-2"),
        ("AWS_ENDPOINT_URL", "https://example.org:1"),
        ("AWS_CA_BUNDLE", "/ca.pem"),
    ];
    let config = home.load(Some("work"), &variables).await.unwrap();
    assert_eq!(config.region.as_str(), "ap-south-1");
    assert_eq!(config.endpoint.unwrap().port_u16(), Some(1));
    assert_eq!(config.ca_bundle, Some(PathBuf::from("/ca.pem")));
    let ignored = [("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
    assert_eq!(
        home.load(Some("work"), &ignored).await.unwrap().endpoint,
        None
    );
    let error = home.error(None, &[("AWS_REGION", "mars")]).await;
    assert!(error.contains("`mars` is not a region"), "{error}");
    let error = home
        .error(None, &[("AWS_ENDPOINT_URL", "localhost:4566")])
        .await;
    assert!(error.contains("is not an endpoint"), "{error}");
}

#[tokio::test]
async fn files_elsewhere() {
    let home = two_profiles();
    let other = Home::new(
        "",
        "[default]\naws_access_key_id=AKIAOTHER\naws_secret_access_key=x\n",
    );
    let path = other.0.path().join(".aws/credentials");
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", path.to_str().unwrap())];
    assert_eq!(home.key(None, &variables).await, "AKIAOTHER");
}

#[tokio::test]
async fn nothing_and_half_of_it() {
    let empty = Home::new("", "");
    let error = empty.error(None, &[]).await;
    assert!(
        error.contains("no AWS credentials: set AWS_ACCESS_KEY_ID")
            && error.contains(".aws/config"),
        "{error}"
    );
    let error = empty
        .error(None, &[("AWS_SECRET_ACCESS_KEY", "s3cr3t")])
        .await;
    assert!(error.contains("AWS_ACCESS_KEY_ID is not set"), "{error}");
    let error = two_profiles().error(Some("wrok"), &KEYS).await;
    assert!(
        error.contains("no profile `wrok`") && error.contains("`default`, `work`"),
        "{error}"
    );
    let half = Home::new("", "[default]\naws_access_key_id = AKIA\n");
    let error = half.error(None, &[]).await;
    assert_eq!(error, "profile `default` has no aws_secret_access_key");
}

#[tokio::test]
async fn profiles_that_cannot_be_used_say_so() {
    let home = Home::new(
        "[profile sso]\nsso_session = x\nsso_account_id = 1\n[sso-session x]\nsso_region = r\n\
         [profile mfa]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = keys\nmfa_serial = m\n\
         [profile a]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = b\n\
         [profile b]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = a\n\
         [profile c]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = gone\n\
         [profile d]\nrole_arn = arn:aws:iam::111122223333:role/r\n\
         [profile machine]\nrole_arn = arn:aws:iam::111122223333:role/r\ncredential_source = Ec2InstanceMetadata\n",
        "",
    );
    for (profile, expected) in [
        ("sso", "aws configure export-credentials --profile sso"),
        ("mfa", "asks for an MFA code"),
        ("a", "turns in a circle"),
        ("c", "no profile `gone`"),
        ("d", "has no source_profile"),
        ("machine", "from the machine it runs on"),
    ] {
        let error = home.error(Some(profile), &[]).await;
        assert!(error.contains(expected), "{profile}: {error}");
    }
    let nobody = home.error(Some("x"), &[]).await;
    assert!(nobody.contains("no profile `x`"), "{nobody}");
}

#[tokio::test]
async fn a_process_gives_credentials() {
    let home = Home::new(
        "[default]\ncredential_process = sh -c 'echo \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"AKIAPROC\\\",\\\"SecretAccessKey\\\":\\\"s3cr3t\\\"}\"'\n",
        "",
    );
    assert_eq!(home.key(None, &[]).await, "AKIAPROC");
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let config = two_profiles().load(None, &[]).await.unwrap();
    assert!(!format!("{config:?}").contains("s3cr3t"));
    assert!(!format!("{:?}", Environment::of(KEYS)).contains("s3cr3t"));
}
