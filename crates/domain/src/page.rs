use serde::{Deserialize, Serialize};

/// One page of a list. `next_cursor` is opaque; `null` on the last page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// Where a page starts and how long it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    pub cursor: Option<String>,
    /// 1 to 200; 50 unless told.
    pub limit: u16,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            cursor: None,
            limit: 50,
        }
    }
}

impl PageRequest {
    /// # Errors
    /// A limit outside 1 to 200.
    pub fn new(cursor: Option<String>, limit: Option<u16>) -> crate::Result<Self> {
        let limit = limit.unwrap_or(50);
        if !(1..=200).contains(&limit) {
            return Err(crate::Error::Invalid(vec![
                crate::FieldError::new("/limit", "out_of_range", "a number from 1 to 200")
                    .got(limit.to_string()),
            ]));
        }
        Ok(Self { cursor, limit })
    }
}
