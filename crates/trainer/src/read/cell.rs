use domain::datasets::ColumnType;

/// One value of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Integer(i64),
    /// Always finite.
    Float(f64),
    Boolean(bool),
    Text(&'a str),
    /// Text of a CSV file: what it is depends on the rest of its column.
    Raw(&'a str),
}

/// A number as it is written: whole or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Integer(i64),
    /// Always finite.
    Float(f64),
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }
}

impl Cell<'_> {
    #[inline]
    pub fn number(self) -> Option<Number> {
        match self {
            Self::Integer(whole) => Some(Number::Integer(whole)),
            Self::Float(float) => Some(Number::Float(float)),
            Self::Raw(text) => parse_number(text),
            Self::Missing | Self::Boolean(_) | Self::Text(_) => None,
        }
    }

    #[inline]
    pub fn boolean(self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(value),
            Self::Raw(text) => parse_boolean(text),
            _ => None,
        }
    }
}

/// Whether a CSV value stands for none: nothing at all, or one of the usual words in any case.
#[inline]
pub fn is_missing(text: &str) -> bool {
    let text = trim(text);
    match text.len() {
        0 => true,
        2 => text.eq_ignore_ascii_case("na"),
        3 => text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("n/a"),
        4 => text.eq_ignore_ascii_case("null") || text.eq_ignore_ascii_case("none"),
        _ => false,
    }
}

/// A decimal number with a point, optionally with a sign and an exponent, surrounded by any spaces. Not the words
/// `inf` and `nan`, and nothing that overflows to infinity.
#[inline]
pub fn parse_number(text: &str) -> Option<Number> {
    let text = trim(text);
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    if !matches!(digits, [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..]) {
        return None;
    }
    if digits.len() <= 18 {
        let mut whole = 0_i64;
        let mut only_digits = true;
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                only_digits = false;
                break;
            }
            whole = whole * 10 + i64::from(digit);
        }
        if only_digits {
            return Some(Number::Integer(if negative { -whole } else { whole }));
        }
    } else if let Ok(whole) = text.parse::<i64>() {
        return Some(Number::Integer(whole));
    }
    let float = text.parse::<f64>().ok()?;
    float.is_finite().then_some(Number::Float(float))
}

#[inline]
pub fn parse_boolean(text: &str) -> Option<bool> {
    let text = trim(text);
    match text.len() {
        4 if text.eq_ignore_ascii_case("true") => Some(true),
        5 if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[inline]
fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        [only] if only.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// How often each kind of value was seen in a column of a CSV file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    pub integers: u64,
    pub floats: u64,
    pub booleans: u64,
    pub texts: u64,
}

impl Kinds {
    #[inline]
    pub fn add(&mut self, number: Option<Number>, boolean: Option<bool>) {
        match (number, boolean) {
            (Some(Number::Integer(_)), _) => self.integers += 1,
            (Some(Number::Float(_)), _) => self.floats += 1,
            (None, Some(_)) => self.booleans += 1,
            (None, None) => self.texts += 1,
        }
    }

    pub fn present(self) -> u64 {
        self.integers + self.floats + self.booleans + self.texts
    }

    pub fn numbers(self) -> u64 {
        self.integers + self.floats
    }

    /// The narrowest type that holds every value: whole numbers are floats too, and everything is a string.
    pub fn column_type(self) -> ColumnType {
        match self {
            Self {
                integers: 1..,
                floats: 0,
                booleans: 0,
                texts: 0,
            } => ColumnType::Integer,
            Self {
                floats: 1..,
                booleans: 0,
                texts: 0,
                ..
            } => ColumnType::Float,
            Self {
                integers: 0,
                floats: 0,
                booleans: 1..,
                texts: 0,
            } => ColumnType::Boolean,
            _ => ColumnType::String,
        }
    }
}
