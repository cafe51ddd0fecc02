//! Values and rows that both databases know.

use super::StoreError;

/// A value of a row, or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not known, or there is none.
    Null,
    /// A whole number: `BIGINT`.
    Int(i64),
    /// Any number: `DOUBLE PRECISION`.
    Real(f64),
    /// Text: `TEXT`.
    Text(String),
}

impl From<i64> for Value {
    fn from(whole: i64) -> Self {
        Value::Int(whole)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A row, its values in the order in which they were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// The text in this column.
    ///
    /// # Errors
    /// `Shape` if it holds none.
    pub fn text(&self, column: usize) -> Result<String, StoreError> {
        self.text_or_none(column)?.ok_or(StoreError::Shape(column))
    }

    /// The text in this column; `None`: NULL.
    ///
    /// # Errors
    /// `Shape` if it holds something else.
    pub fn text_or_none(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(Value::Null) => Ok(None),
            _ => Err(StoreError::Shape(column)),
        }
    }

    /// The whole number in this column.
    ///
    /// # Errors
    /// `Shape` if it holds none.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.int_or_none(column)?.ok_or(StoreError::Shape(column))
    }

    /// The whole number in this column; `None`: NULL.
    ///
    /// # Errors
    /// `Shape` if it holds something else.
    pub fn int_or_none(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Value::Int(whole)) => Ok(Some(*whole)),
            Some(Value::Null) => Ok(None),
            _ => Err(StoreError::Shape(column)),
        }
    }

    /// The number in this column.
    ///
    /// # Errors
    /// `Shape` if it holds none.
    pub fn real(&self, column: usize) -> Result<f64, StoreError> {
        match self.0.get(column) {
            Some(Value::Real(real)) => Ok(*real),
            // SQLite keeps what has no fraction as it came.
            Some(Value::Int(whole)) => Ok(*whole as f64),
            _ => Err(StoreError::Shape(column)),
        }
    }
}
