//! The layout of sealed values: a version byte, the id of the key, the nonce, the ciphertext with its tag.
//!
//! Version 1 is sealed with a master key, whose id has 4 bytes: wrapped data keys, and values from before
//! there were data keys. Version 2 is sealed with a data key, whose id has 8 bytes.

use super::AssociatedData;

pub(super) const MASTER_VERSION: u8 = 1;
pub(super) const DATA_VERSION: u8 = 2;
pub(super) const MASTER_ID: usize = 4;
pub(super) const DATA_ID: usize = 8;

/// What a sealed value says of itself.
pub(super) enum Header<'a> {
    /// Sealed with a master key.
    Master {
        /// The key's id.
        key: [u8; MASTER_ID],
        /// Nonce and ciphertext.
        rest: &'a [u8],
    },
    /// Sealed with a data key.
    Data {
        /// The key's id.
        key: [u8; DATA_ID],
        /// Nonce and ciphertext.
        rest: &'a [u8],
    },
}

impl<'a> Header<'a> {
    /// Reads it; `None` for what is no sealed value.
    pub(super) fn of(sealed: &'a [u8]) -> Option<Self> {
        let (version, rest) = sealed.split_first()?;
        match *version {
            MASTER_VERSION => {
                let (key, rest) = rest.split_first_chunk()?;
                Some(Self::Master { key: *key, rest })
            }
            DATA_VERSION => {
                let (key, rest) = rest.split_first_chunk()?;
                Some(Self::Data { key: *key, rest })
            }
            _ => None,
        }
    }
}

/// The place of a value as bytes.
pub(super) fn bytes_of(associated: AssociatedData<'_>) -> Vec<u8> {
    // The length first, so that no two places give the same data.
    let mut data = (associated.column.len() as u64).to_be_bytes().to_vec();
    data.extend(associated.column.as_bytes());
    data.extend(associated.row.as_bytes());
    data
}
