//! Bytes <-> JSON values: one codec a protocol, generic over `Value`.
//!
//! What a handler sees is the same whatever the protocol, in AWS's member names, with two things to know:
//!
//! - **Query requests carry only strings**: every scalar is a `Value::String` (`"Port": "80"`, `"Enabled": "true"`), lists are
//!   arrays, and an empty list may be the empty string (clients send `Conditions=`). Handlers of ELBv2, STS and IAM parse numbers
//!   themselves; those of CloudWatch, which comes in three protocols, take a number or its string.
//! - **Timestamps in replies are epoch seconds** (`State::now_seconds`): JSON sends them as they are, CBOR as tag 1, query as
//!   ISO 8601. [`TIMESTAMPS`] says which members they are, for those two.
//!
//! A member that is `null` is not sent. A reply of `{}` is a reply without members; `null` is the reply of an operation that
//! has none (`CreateLogGroup`, `PutMetricAlarm`).

pub mod cbor;
pub mod json;
pub mod query;
pub mod route;

pub use route::{Call, Envelope, Protocol, Reply, read, write};

/// The members of ELBv2, STS, IAM and CloudWatch that are timestamps (botocore's models).
pub const TIMESTAMPS: &[&str] = &[
    "AlarmConfigurationUpdatedTimestamp",
    "CreateDate",
    "CreatedTime",
    "EndTime",
    "Expiration",
    "StartTime",
    "StateTransitionedTimestamp",
    "StateUpdatedTimestamp",
    "Timestamp",
    "Timestamps",
];
