//! S3: buckets, objects and versions, uploads in parts, bucket policies, the block of public access.
//!
//! Owns S3's behaviour, and the table of its operations. What is not in the table is not done, and says so.

mod access;
mod attributes;
mod body;
mod bucket_policy;
mod buckets;
mod checksums;
mod conditions;
mod copy;
mod deletion;
pub mod delivery;
mod errors;
mod events;
mod list_objects;
mod list_uploads;
mod listing;
mod multipart;
mod names;
mod objects;
mod policy_actions;
mod public_access;
mod settings;
mod state;
mod tagging;
#[cfg(test)]
mod tests;
mod versioning;

pub use delivery::{Delivery, DeliveryError};
pub use events::{conclude, describe};
pub use names::{canonical_id, extended_request_id};
pub use state::{Attributes, State};

use crate::row::Access::{Read, Write};
use crate::row::EventKind::{Data, Management};
use crate::row::{Access, EventKind, Handler, Needs, Row};

const fn row(operation: &'static str, access: Access, event: EventKind, handler: Handler) -> Row {
    Row {
        operation,
        needs: Needs::Checked(access::needs),
        access,
        event,
        handler,
    }
}

/// Every operation that is there.
pub const ROWS: &[Row] = &[
    // buckets
    row(
        "CreateBucket",
        Write,
        Management,
        Handler::Write(buckets::create),
    ),
    row("HeadBucket", Read, Data, Handler::Read(buckets::head)),
    row(
        "DeleteBucket",
        Write,
        Management,
        Handler::Write(buckets::delete),
    ),
    row(
        "ListBuckets",
        Read,
        Management,
        Handler::Read(buckets::list),
    ),
    row(
        "GetBucketLocation",
        Read,
        Management,
        Handler::Read(buckets::location_of),
    ),
    row(
        "GetBucketAcl",
        Read,
        Management,
        Handler::Read(buckets::acl),
    ),
    row(
        "PutBucketVersioning",
        Write,
        Management,
        Handler::Write(versioning::put),
    ),
    row(
        "GetBucketVersioning",
        Read,
        Management,
        Handler::Read(versioning::get),
    ),
    row(
        "PutBucketTagging",
        Write,
        Management,
        Handler::Write(tagging::put_bucket),
    ),
    row(
        "GetBucketTagging",
        Read,
        Management,
        Handler::Read(tagging::get_bucket),
    ),
    row(
        "DeleteBucketTagging",
        Write,
        Management,
        Handler::Write(tagging::delete_bucket),
    ),
    // who may
    row(
        "PutBucketPolicy",
        Write,
        Management,
        Handler::Write(bucket_policy::put),
    ),
    row(
        "GetBucketPolicy",
        Read,
        Management,
        Handler::Read(bucket_policy::get),
    ),
    row(
        "DeleteBucketPolicy",
        Write,
        Management,
        Handler::Write(bucket_policy::delete),
    ),
    row(
        "GetBucketPolicyStatus",
        Read,
        Management,
        Handler::Read(bucket_policy::status),
    ),
    row(
        "PutPublicAccessBlock",
        Write,
        Management,
        Handler::Write(public_access::put),
    ),
    row(
        "GetPublicAccessBlock",
        Read,
        Management,
        Handler::Read(public_access::get),
    ),
    row(
        "DeletePublicAccessBlock",
        Write,
        Management,
        Handler::Write(public_access::delete),
    ),
    row(
        "PutBucketOwnershipControls",
        Write,
        Management,
        Handler::Write(public_access::put_ownership),
    ),
    row(
        "GetBucketOwnershipControls",
        Read,
        Management,
        Handler::Read(public_access::get_ownership),
    ),
    row(
        "DeleteBucketOwnershipControls",
        Write,
        Management,
        Handler::Write(public_access::delete_ownership),
    ),
    // settings
    row(
        "PutBucketEncryption",
        Write,
        Management,
        Handler::Write(settings::put_encryption),
    ),
    row(
        "GetBucketEncryption",
        Read,
        Management,
        Handler::Read(settings::encryption),
    ),
    row(
        "DeleteBucketEncryption",
        Write,
        Management,
        Handler::Write(settings::delete_encryption),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        Write,
        Management,
        Handler::Write(settings::put_lifecycle),
    ),
    row(
        "GetBucketLifecycleConfiguration",
        Read,
        Management,
        Handler::Read(settings::lifecycle),
    ),
    row(
        "DeleteBucketLifecycle",
        Write,
        Management,
        Handler::Write(settings::delete_lifecycle),
    ),
    row(
        "GetBucketReplication",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    row(
        "GetBucketWebsite",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    row(
        "GetBucketCors",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    row(
        "GetBucketLogging",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    row(
        "GetBucketNotificationConfiguration",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    row(
        "GetBucketAccelerateConfiguration",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    row(
        "GetBucketRequestPayment",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    row(
        "GetObjectLockConfiguration",
        Read,
        Management,
        Handler::Read(settings::never_set),
    ),
    // objects
    row("PutObject", Write, Data, Handler::Write(objects::put)),
    row("GetObject", Read, Data, Handler::Read(objects::get)),
    row("HeadObject", Read, Data, Handler::Read(objects::head)),
    row("GetObjectAcl", Read, Data, Handler::Read(objects::acl)),
    row("CopyObject", Write, Data, Handler::Write(copy::copy)),
    row(
        "DeleteObject",
        Write,
        Data,
        Handler::Write(deletion::delete),
    ),
    row(
        "DeleteObjects",
        Write,
        Data,
        Handler::Write(deletion::delete_many),
    ),
    row(
        "PutObjectTagging",
        Write,
        Data,
        Handler::Write(tagging::put_object),
    ),
    row(
        "GetObjectTagging",
        Read,
        Data,
        Handler::Read(tagging::get_object),
    ),
    row(
        "DeleteObjectTagging",
        Write,
        Data,
        Handler::Write(tagging::delete_object),
    ),
    // lists
    row("ListObjects", Read, Data, Handler::Read(list_objects::list)),
    row(
        "ListObjectsV2",
        Read,
        Data,
        Handler::Read(list_objects::list_v2),
    ),
    row(
        "ListObjectVersions",
        Read,
        Data,
        Handler::Read(list_objects::list_versions),
    ),
    // uploads in parts
    row(
        "CreateMultipartUpload",
        Write,
        Data,
        Handler::Write(multipart::create),
    ),
    row(
        "UploadPart",
        Write,
        Data,
        Handler::Write(multipart::upload_part),
    ),
    row(
        "UploadPartCopy",
        Write,
        Data,
        Handler::Write(multipart::upload_part_copy),
    ),
    row(
        "CompleteMultipartUpload",
        Write,
        Data,
        Handler::Write(multipart::complete),
    ),
    row(
        "AbortMultipartUpload",
        Write,
        Data,
        Handler::Write(multipart::abort),
    ),
    row(
        "ListParts",
        Read,
        Data,
        Handler::Read(list_uploads::list_parts),
    ),
    row(
        "ListMultipartUploads",
        Read,
        Data,
        Handler::Read(list_uploads::list_uploads),
    ),
];
