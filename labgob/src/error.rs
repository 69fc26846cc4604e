//! Why bytes were refused.

use std::fmt;

use bincode::error::DecodeError;
use serde::de;

/// Why bytes could not be decoded.
///
/// ```
/// use labgob::{Error, decode};
///
/// assert_eq!(decode::<u32>(&[]), Err(Error::UnexpectedEnd));
/// assert_eq!(decode::<u32>(&[7, 7]), Err(Error::TrailingBytes { left: 1 }));
/// let error = decode::<bool>(&[2]).unwrap_err();
/// assert_eq!(error.to_string(), "invalid value: a bool is the byte 0 or 1, found 2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes ended before the value did.
    UnexpectedEnd,
    /// The value ended before the bytes did.
    TrailingBytes {
        /// How many bytes followed the value: never zero.
        left: usize,
    },
    /// A length prefix claims more than [`LIMIT`](crate::LIMIT), or the sequences claim more than
    /// [`EMPTY_LIMIT`](crate::EMPTY_LIMIT) elements that occupy no bytes.
    TooLong,
    /// Options, sequences, maps, and enums are nested deeper than
    /// [`DEPTH_LIMIT`](crate::DEPTH_LIMIT).
    TooDeep,
    /// The bytes are no value of the type: a bool of 2, a string that is not UTF-8, an unknown
    /// variant, or whatever else the type's own `Deserialize` refuses. Holds the reason.
    Invalid(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("the bytes end before the value does"),
            Self::TrailingBytes { left } => write!(f, "bytes left after the value: {left}"),
            Self::TooLong => f.write_str("a length prefix claims more than the limit"),
            Self::TooDeep => f.write_str("values are nested deeper than the limit"),
            Self::Invalid(reason) => write!(f, "invalid value: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// For `Deserialize` implementations, which report what they refuse as [`Error::Invalid`].
impl de::Error for Error {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Invalid(reason.to_string())
    }
}

/// The errors of the primitives, which are all that is read through `bincode`.
pub(crate) fn from_bincode(error: DecodeError) -> Error {
    match error {
        DecodeError::UnexpectedEnd { .. } => Error::UnexpectedEnd,
        DecodeError::InvalidBooleanValue(found) => {
            Error::Invalid(format!("a bool is the byte 0 or 1, found {found}"))
        }
        DecodeError::InvalidCharEncoding(_) => {
            Error::Invalid("a char is not encoded as UTF-8".into())
        }
        DecodeError::InvalidIntegerType { expected, found } => Error::Invalid(format!(
            "an integer's marker is for {found:?}, which {expected:?} does not hold"
        )),
        other => Error::Invalid(other.to_string()),
    }
}
