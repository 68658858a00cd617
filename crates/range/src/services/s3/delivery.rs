//! Deliveries by AWS's own services: CloudTrail putting its files into a bucket.
//!
//! Owns the check that AWS makes of the bucket first, and the put itself. The bucket's policy decides, as it
//! does for everybody else.

use bytes::Bytes;
use jiff::Timestamp;
use stockade_model::AccountId;
use stockade_policy::{Context, Policies, Principal, Request, ResourceRule, evaluate};

use super::checksums::{self, Algorithm, Checksum};
use super::objects;
use super::state::{Attributes, Bucket, ObjectData};
use crate::state::State;

/// What a service delivers, and for whom.
#[derive(Debug, Clone)]
pub struct Delivery<'a> {
    /// As in `cloudtrail.amazonaws.com`.
    pub service: &'a str,
    /// The ARN of what makes it deliver: the trail's.
    pub source_arn: &'a str,
    /// The account whose trail it is.
    pub source_account: &'a AccountId,
    /// The organisation whose trail it is, for the condition `aws:SourceOrgID`.
    pub source_organization: Option<&'a str>,
}

/// Why a delivery failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// No bucket has the name.
    #[error("the bucket {0} does not exist")]
    NoSuchBucket(String),
    /// The bytes could not be written.
    #[error("the object cannot be written to the disk")]
    NotKept,
    /// The bucket's policy does not let the service do this.
    #[error("the policy of the bucket does not allow {service} to do {action} on {resource}")]
    Refused {
        /// The service.
        service: String,
        /// As in `s3:PutObject`.
        action: String,
        /// The ARN.
        resource: String,
    },
}

impl State {
    /// Whether a bucket's policy lets a service see its ACL and put objects under a prefix: what CloudTrail checks
    /// when a trail is made.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub fn check_delivery(
        &self,
        delivery: &Delivery<'_>,
        bucket: &str,
        key: &str,
    ) -> Result<(), DeliveryError> {
        let bucket = self
            .s3
            .bucket(bucket)
            .ok_or_else(|| DeliveryError::NoSuchBucket(bucket.to_owned()))?;
        allowed(delivery, bucket, "s3:GetBucketAcl", &bucket.arn())?;
        allowed(
            delivery,
            bucket,
            "s3:PutObject",
            &format!("{}/{key}", bucket.arn()),
        )
    }

    /// Puts an object as a service, handing it to the bucket's owner.
    ///
    /// # Errors
    /// [`DeliveryError`]; nothing was put.
    pub fn put_object_as_service(
        &mut self,
        delivery: &Delivery<'_>,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let no_bucket = || DeliveryError::NoSuchBucket(bucket.to_owned());
        let target = self.s3.bucket(bucket).ok_or_else(no_bucket)?;
        let resource = format!("{}/{key}", target.arn());
        allowed(delivery, target, "s3:PutObject", &resource)?;
        let body = self.s3.keep(bytes.clone());
        let body = body.map_err(|_| DeliveryError::NotKept)?;
        let object = ObjectData {
            etag: checksums::etag(&bytes),
            checksum: Checksum::of(Algorithm::Crc64Nvme, &bytes),
            attributes,
            parts: Vec::new(),
            owner: target.owner.clone(),
            body,
        };
        let id = objects::new_version(
            self,
            self.s3.bucket(bucket).ok_or_else(no_bucket)?.versioning,
        );
        self.s3.bucket_mut(bucket).ok_or_else(no_bucket)?.put(
            key,
            id,
            objects::whole_second(now),
            Some(object),
        );
        Ok(())
    }
}

/// Whether the bucket's policy, which alone has a say, lets the service do this.
fn allowed(
    delivery: &Delivery<'_>,
    bucket: &Bucket,
    action: &str,
    resource: &str,
) -> Result<(), DeliveryError> {
    let mut context = Context::new()
        .with("aws:SourceArn", delivery.source_arn)
        .with("aws:SourceAccount", delivery.source_account.as_str())
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:PrincipalServiceName", delivery.service)
        .with("aws:SecureTransport", "true")
        .with("aws:ResourceAccount", bucket.owner.as_str())
        .with("s3:ResourceAccount", bucket.owner.as_str());
    if let Some(organization) = delivery.source_organization {
        context.set("aws:SourceOrgID", organization);
    }
    if action == "s3:PutObject" {
        context.set("s3:x-amz-acl", "bucket-owner-full-control");
    }
    let principal = Principal::Service {
        name: delivery.service.to_owned(),
    };
    let request = Request {
        principal: &principal,
        action,
        resource,
        resource_account: Some(bucket.owner.as_str()),
        context: &context,
    };
    let policies = Policies {
        resource: bucket
            .policy
            .as_ref()
            .map(|policy| (&policy.compiled, ResourceRule::Ordinary)),
        ..Policies::default()
    };
    if evaluate(&request, &policies).is_allowed() {
        return Ok(());
    }
    Err(DeliveryError::Refused {
        service: delivery.service.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
    })
}
