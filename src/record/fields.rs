//! A row's values, whichever database it comes from.

use rusqlite::types::ValueRef;

use super::file::LedgerError;

/// A row of SQLite or of PostgreSQL.
pub trait Fields {
    /// Text; `None`: NULL.
    fn text(&self, place: usize) -> Result<Option<&str>, LedgerError>;
    /// A whole number; `None`: NULL.
    fn whole(&self, place: usize) -> Result<Option<i64>, LedgerError>;
    /// A sum that may be larger than a whole number of the database is; NULL is 0.
    fn amount(&self, place: usize) -> Result<i128, LedgerError>;
    /// Bytes; NULL is none.
    fn bytes(&self, place: usize) -> Result<&[u8], LedgerError>;
}

impl Fields for rusqlite::Row<'_> {
    fn text(&self, place: usize) -> Result<Option<&str>, LedgerError> {
        Ok(self.get_ref(place)?.as_str_or_null().map_err(rusqlite::Error::from)?)
    }

    fn whole(&self, place: usize) -> Result<Option<i64>, LedgerError> {
        Ok(self.get(place)?)
    }

    fn amount(&self, place: usize) -> Result<i128, LedgerError> {
        match self.get_ref(place)? {
            ValueRef::Null => Ok(0),
            ValueRef::Integer(whole) => Ok(whole.into()),
            // What does not fit 64 bits is kept as its digits.
            ValueRef::Text(digits) => parse(std::str::from_utf8(digits).unwrap_or_default()),
            ValueRef::Real(_) | ValueRef::Blob(_) => Err(LedgerError::Amount),
        }
    }

    fn bytes(&self, place: usize) -> Result<&[u8], LedgerError> {
        Ok(self.get_ref(place)?.as_bytes_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default())
    }
}

impl Fields for tokio_postgres::Row {
    fn text(&self, place: usize) -> Result<Option<&str>, LedgerError> {
        Ok(self.try_get(place)?)
    }

    fn whole(&self, place: usize) -> Result<Option<i64>, LedgerError> {
        Ok(self.try_get(place)?)
    }

    fn amount(&self, place: usize) -> Result<i128, LedgerError> {
        self.text(place)?.map_or(Ok(0), parse)
    }

    fn bytes(&self, place: usize) -> Result<&[u8], LedgerError> {
        Ok(self.try_get::<_, Option<&[u8]>>(place)?.unwrap_or_default())
    }
}

fn parse(digits: &str) -> Result<i128, LedgerError> {
    digits.parse().map_err(|_| LedgerError::Amount)
}
