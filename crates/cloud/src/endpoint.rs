//! Where a service answers, and the region that signs for it.
//!
//! Owns AWS's host names. An endpoint that was given goes before them all.

use http::Uri;
use stockade_model::Region;
use stockade_wire::table::Service;

use crate::error::CloudError;

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) uri: Uri,
    pub(crate) signing_region: String,
}

/// The endpoint of a service.
pub(crate) fn resolve(
    service: &Service,
    region: &Region,
    given: Option<&Uri>,
) -> Result<Endpoint, CloudError> {
    let region = region.as_str();
    let partition = Partition::of(region);
    let global = service.global || (service.name == "sts" && given.is_none());
    let signing_region = if global { partition.home } else { region };
    let uri = match given {
        Some(uri) => uri.clone(),
        None => {
            let prefix = &service.endpoint_prefix;
            let host = match (service.name.as_str(), global, partition.name) {
                ("iam" | "sts", true, "aws") => format!("{prefix}.amazonaws.com"),
                ("iam", true, "aws-us-gov") => format!("{prefix}.us-gov.amazonaws.com"),
                ("health", _, "aws") => "global.health.amazonaws.com".to_owned(),
                ("route53" | "cloudfront", true, "aws") => format!("{prefix}.amazonaws.com"),
                (_, true, _) => format!("{prefix}.{}.{}", partition.home, partition.suffix),
                _ => format!("{prefix}.{region}.{}", partition.suffix),
            };
            format!("https://{host}/").parse().map_err(|_| {
                CloudError::Config(format!("{} has no endpoint in {region}", service.name))
            })?
        }
    };
    Ok(Endpoint {
        uri,
        signing_region: signing_region.to_owned(),
    })
}

struct Partition {
    name: &'static str,
    /// The region that signs for global services.
    home: &'static str,
    suffix: &'static str,
}

impl Partition {
    fn of(region: &str) -> Self {
        let (name, home, suffix) = if region.starts_with("cn-") {
            ("aws-cn", "cn-north-1", "amazonaws.com.cn")
        } else if region.starts_with("us-gov-") {
            ("aws-us-gov", "us-gov-west-1", "amazonaws.com")
        } else if region.starts_with("eusc-") {
            ("aws-eusc", "eusc-de-east-1", "amazonaws.eu")
        } else if region.starts_with("us-isob-") {
            ("aws-iso-b", "us-isob-east-1", "sc2s.sgov.gov")
        } else if region.starts_with("us-iso-") {
            ("aws-iso", "us-iso-east-1", "c2s.ic.gov")
        } else {
            ("aws", "us-east-1", "amazonaws.com")
        };
        Self { name, home, suffix }
    }
}

/// Checks an endpoint that somebody typed: `http` or `https`, a host, and nothing behind it but a path.
pub(crate) fn check(uri: &Uri) -> Result<(), CloudError> {
    let scheme = uri.scheme_str().unwrap_or_default();
    if !matches!(scheme, "http" | "https") || uri.host().is_none_or(str::is_empty) {
        return Err(CloudError::Config(format!(
            "`{uri}` is not an endpoint: it must read http://127.0.0.1:4566 or https://host"
        )));
    }
    Ok(())
}

/// An endpoint as messages show it: without credentials that somebody may have put into it.
pub(crate) fn shown(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or("http");
    match uri.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_wire::table::service;

    fn host(name: &str, region: &str) -> (String, String) {
        let endpoint = resolve(service(name).unwrap(), &region.parse().unwrap(), None).unwrap();
        (
            endpoint.uri.host().unwrap().to_owned(),
            endpoint.signing_region,
        )
    }

    #[test]
    fn hosts_of_aws() {
        for (name, region, expected, signs) in [
            ("iam", "eu-west-1", "iam.amazonaws.com", "us-east-1"),
            ("sts", "eu-west-1", "sts.amazonaws.com", "us-east-1"),
            (
                "organizations",
                "eu-west-1",
                "organizations.us-east-1.amazonaws.com",
                "us-east-1",
            ),
            (
                "cloudtrail",
                "eu-west-1",
                "cloudtrail.eu-west-1.amazonaws.com",
                "eu-west-1",
            ),
            ("s3", "us-east-1", "s3.us-east-1.amazonaws.com", "us-east-1"),
            (
                "cloudtrail",
                "cn-north-1",
                "cloudtrail.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
            ),
            (
                "iam",
                "us-gov-east-1",
                "iam.us-gov.amazonaws.com",
                "us-gov-west-1",
            ),
        ] {
            assert_eq!(
                host(name, region),
                (expected.to_owned(), signs.to_owned()),
                "{name} {region}"
            );
        }
    }

    #[test]
    fn a_given_endpoint_goes_first() {
        let given: Uri = "http://127.0.0.1:4566".parse().unwrap();
        let region: Region = "eu-west-1".parse().unwrap();
        let sts = resolve(service("sts").unwrap(), &region, Some(&given)).unwrap();
        assert_eq!(
            (sts.uri, sts.signing_region),
            (given.clone(), "eu-west-1".to_owned())
        );
        let iam = resolve(service("iam").unwrap(), &region, Some(&given)).unwrap();
        assert_eq!(iam.signing_region, "us-east-1");
    }

    #[test]
    fn what_is_no_endpoint() {
        for text in ["ftp://x", "/path", "localhost:4566", "http:/x"] {
            if let Ok(uri) = text.parse::<Uri>() {
                assert!(check(&uri).is_err(), "{text}");
            }
        }
        let uri: Uri = "http://user:secret@host:1/p".parse().unwrap();
        assert_eq!(shown(&uri), "http://host:1");
    }
}
