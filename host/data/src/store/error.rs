//! What can go wrong with a store, told apart by what a person or a caller does about it.

use std::error::Error as StdError;

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};

/// Why a store did not do what it was asked. `what` is the file or folder: `s3://bucket/a.csv`.
///
/// Server-written text is never part of a message; an S3 error code is, when it looks like one.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not there.
    #[error("{what} is not there ({why}): check the mount point and the path")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The store's answer.
        why: String,
    },
    /// The credentials do not allow it, or are wrong.
    #[error("access to {what} was denied ({why}): check the credentials in encryptOptions and their rights")]
    Denied {
        /// What was asked for.
        what: String,
        /// The store's answer.
        why: String,
    },
    /// No connection, no name, or the server answers with its own faults.
    #[error("{what} cannot be reached ({why}): check the endpoint and the network")]
    Unreachable {
        /// What was asked for.
        what: String,
        /// Which step failed.
        why: String,
    },
    /// The server asks to come back later, and did so every time.
    #[error(
        "the store of {what} is overloaded ({why}): run again later, or lower the number of requests in flight"
    )]
    Busy {
        /// What was asked for.
        what: String,
        /// The store's answer.
        why: String,
    },
    /// The connection is open and nothing (or next to nothing) comes.
    #[error("{what} hangs: {why}; run again, and look at the store if it stays so")]
    Hung {
        /// What was asked for.
        what: String,
        /// For how long.
        why: String,
    },
    /// The file is another one than when it was listed.
    #[error("{what} changed while it was read ({why}): run again to take the new version")]
    Changed {
        /// What was asked for.
        what: String,
        /// What differs.
        why: String,
    },
    /// The answer breaks the protocol: wrong length, wrong range, cut off, not parseable.
    #[error("the store answered wrongly for {what} ({why}): look at the store or a proxy before it")]
    Corrupt {
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// Something is already there and was to stay.
    #[error("{what} is already there")]
    Exists {
        /// What was to be created.
        what: String,
    },
    /// The rules of this machine forbid it.
    #[error("{what} may not be reached: {why}")]
    Refused {
        /// What was asked for.
        what: String,
        /// Which rule, and who can change it.
        why: String,
    },
    /// An option or mount point cannot be used.
    #[error("{what}: {why}")]
    Invalid {
        /// Which option or path.
        what: String,
        /// What is wrong and what to write.
        why: String,
    },
    /// The store, or this build, cannot do it.
    #[error("{what}: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What is missing.
        why: String,
    },
    /// This machine's own files.
    #[error("{doing} {what}")]
    Io {
        /// Which action.
        doing: &'static str,
        /// The file.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The kinds of [`StoreError`], for those who decide by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Not there.
    NotFound,
    /// Wrong or insufficient credentials.
    Denied,
    /// No connection, or a broken server.
    Unreachable,
    /// Told to come back later.
    Busy,
    /// No progress.
    Hung,
    /// Another version than listed.
    Changed,
    /// An answer that cannot be right.
    Corrupt,
    /// Already there.
    Exists,
    /// Forbidden by this machine's rules.
    Refused,
    /// The manifest is wrong.
    Invalid,
    /// Not possible with this store.
    Unsupported,
    /// No room on this machine's disk.
    Full,
    /// This machine's files.
    Io,
}

impl StoreError {
    /// Which kind of failure this is.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::NotFound { .. } => Category::NotFound,
            Self::Denied { .. } => Category::Denied,
            Self::Unreachable { .. } => Category::Unreachable,
            Self::Busy { .. } => Category::Busy,
            Self::Hung { .. } => Category::Hung,
            Self::Changed { .. } => Category::Changed,
            Self::Corrupt { .. } => Category::Corrupt,
            Self::Exists { .. } => Category::Exists,
            Self::Refused { .. } => Category::Refused,
            Self::Invalid { .. } => Category::Invalid,
            Self::Unsupported { .. } => Category::Unsupported,
            Self::Io { source, .. } if is_full(source) => Category::Full,
            Self::Io { .. } => Category::Io,
        }
    }

    /// Whether the same request may succeed in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use Category::{Busy, Corrupt, Hung, Unreachable};
        matches!(self.category(), Unreachable | Busy | Hung | Corrupt)
    }

    pub(crate) fn io(doing: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { doing, what: path.display().to_string(), source }
    }
}

/// No room: the disk's, or the quota's.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// What the transport found; it travels inside [`HttpError`] through `object_store`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{status}{}", code.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
    Status { status: StatusCode, code: Option<String>, region: Option<String> },
    #[error("address {address}: {rule}")]
    Address { address: String, rule: &'static str },
    #[error("nothing came for {seconds:.1} s")]
    Hung { seconds: f64 },
    #[error("an answer longer than {limit} bytes")]
    TooLong { limit: u64 },
}

impl Refusal {
    /// Packed so that `object_store` passes it through without a retry of its own.
    pub(super) fn into_http(self) -> HttpError {
        let kind = match self {
            Self::Hung { .. } => HttpErrorKind::Timeout,
            _ => HttpErrorKind::Unknown,
        };
        HttpError::new(kind, self)
    }
}

/// Turns an error of `object_store` (or of the transport under it) into ours.
pub(super) fn classify(what: &str, error: &(dyn StdError + 'static)) -> StoreError {
    let what = what.to_owned();
    if let Some(refusal) = find::<Refusal>(error) {
        return of_refusal(what, refusal);
    }
    if let Some(http) = find::<HttpError>(error) {
        return of_http(what, http);
    }
    if let Some(error) = find::<object_store::Error>(error) {
        return of_library(what, error);
    }
    StoreError::Corrupt { what, why: "an answer that cannot be read".into() }
}

fn of_refusal(what: String, refusal: &Refusal) -> StoreError {
    let why = refusal.to_string();
    match refusal {
        Refusal::Address { address, rule } => {
            StoreError::Refused { what, why: format!("{address}: {rule}; the agent's policy can allow it") }
        }
        Refusal::Hung { .. } => StoreError::Hung { what, why },
        Refusal::TooLong { .. } => StoreError::Corrupt { what, why },
        Refusal::Status { status, code, region } => {
            of_status(what, why, *status, code.as_deref(), region.as_deref())
        }
    }
}

fn of_status(
    what: String,
    why: String,
    status: StatusCode,
    code: Option<&str>,
    region: Option<&str>,
) -> StoreError {
    match (status.as_u16(), code) {
        (_, Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken"))
        | (401 | 403, _) => StoreError::Denied { what, why },
        (404 | 410, _) => StoreError::NotFound { what, why },
        (409 | 412, _) => StoreError::Changed { what, why },
        (416, _) => {
            StoreError::Changed { what, why: format!("{why}: it is shorter than when it was listed") }
        }
        (429 | 503, _) => StoreError::Busy { what, why },
        (408 | 500..=599, _) => StoreError::Unreachable { what, why },
        (300..=399, _) => StoreError::Invalid { what, why: redirect_advice(&why, region) },
        _ => StoreError::Corrupt { what, why },
    }
}

fn redirect_advice(why: &str, region: Option<&str>) -> String {
    match region {
        Some(region) => format!("{why}: the bucket is elsewhere, set the option region: {region}"),
        None => {
            format!("{why}: redirects are not followed, write the final address (or the bucket's region)")
        }
    }
}

fn of_http(what: String, error: &HttpError) -> StoreError {
    match error.kind() {
        HttpErrorKind::Timeout => StoreError::Hung { what, why: "the connection timed out".into() },
        HttpErrorKind::Connect => StoreError::Unreachable { what, why: connect_step(error).into() },
        HttpErrorKind::Decode => StoreError::Corrupt { what, why: "an answer that cannot be read".into() },
        _ => StoreError::Unreachable { what, why: "the connection broke".into() },
    }
}

/// Which step of connecting failed. The words of the libraries differ by version; these do not.
fn connect_step(error: &HttpError) -> &'static str {
    let mut chain = error.source();
    while let Some(error) = chain {
        chain = error.source();
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::ConnectionRefused => return "connection refused",
                std::io::ErrorKind::TimedOut => return "connecting took too long",
                _ => {}
            }
        }
        if error.downcast_ref::<rustls::Error>().is_some() {
            return "its TLS certificate was not accepted";
        }
        if error.downcast_ref::<super::transport::UnknownHost>().is_some() {
            return "its host name is not known";
        }
    }
    "no connection"
}

fn of_library(what: String, error: &object_store::Error) -> StoreError {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => StoreError::NotFound { what, why: "not found".into() },
        Error::AlreadyExists { .. } => StoreError::Exists { what },
        Error::Precondition { .. } | Error::NotModified { .. } => {
            StoreError::Changed { what, why: "precondition failed".into() }
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            StoreError::Denied { what, why: "denied".into() }
        }
        Error::InvalidPath { .. } => StoreError::Invalid {
            what,
            why: "a name in it has an empty, '.' or '..' segment or a forbidden character: rename it in the store".into(),
        },
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            StoreError::Unsupported { what, why: "the store cannot do this".into() }
        }
        _ => StoreError::Corrupt { what, why: "an answer that cannot be read".into() },
    }
}

/// The outermost `E` in the chain of `error`. An [`std::io::Error`] hides what it wraps from
/// `source()`, so it is opened.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        current = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
