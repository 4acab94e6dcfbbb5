//! The quick way through a body: one pass over its bytes that knows from the signature what to expect, and writes every value
//! to its place in the row. It takes nothing that the thorough way would not, and leaves it what is rare or wrong.

use std::borrow::Cow;
use std::str::from_utf8;

use domain::datasets::ColumnType;
use model::{Predictor, Value};

use super::{MAX_ROWS, Rows};

/// Whole numbers as large as these are rare enough for the thorough way to judge.
const LARGE: f64 = 9e18;

/// `None`: the thorough way shall read it.
pub(super) fn parse(predictor: &Predictor, body: &[u8]) -> Option<Rows> {
    let mut reader = Reader {
        body,
        at: 0,
        given: Vec::new(),
    };
    let mut rows = Rows::of_width(predictor.len());
    reader.take(b'{')?;
    if *reader.text()? != *b"inputs" {
        return None;
    }
    reader.take(b':')?;
    match reader.next()? {
        b'[' => loop {
            reader.take(b'{')?;
            reader.row(predictor, &mut rows)?;
            if rows.len() > MAX_ROWS {
                return None;
            }
            match reader.next()? {
                b',' => {}
                b']' => break,
                _ => return None,
            }
        },
        b'{' => reader.row(predictor, &mut rows)?,
        _ => return None,
    }
    reader.take(b'}')?;
    reader.skip_space();
    (reader.at == body.len()).then_some(rows)
}

struct Reader<'b> {
    body: &'b [u8],
    at: usize,
    /// Which inputs the present row has given; unused while they come in their order.
    given: Vec<bool>,
}

impl<'b> Reader<'b> {
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn take_word(&mut self, word: &str) -> Option<()> {
        let rest = self.body.get(self.at..)?;
        rest.starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
        })
    }

    /// The members of an object that has begun.
    fn row(&mut self, predictor: &Predictor, rows: &mut Rows) -> Option<()> {
        let inputs = &predictor.signature().inputs;
        let width = rows.width;
        let start = rows.values.len();
        rows.values.resize(start + width, Value::Missing);
        let row = &mut rows.values[start..];
        let mut count = 0;
        let mut in_order = true;
        if self.next()? != b'}' {
            self.at -= 1;
            loop {
                let name = self.text()?;
                let slot = match inputs.get(count) {
                    Some(input) if *input.name.as_bytes() == *name => count,
                    _ => predictor.slot(from_utf8(&name).ok()?)?,
                };
                if in_order && slot != count {
                    in_order = false;
                    self.given.clear();
                    self.given.resize(width, false);
                    self.given[..count].fill(true);
                }
                if !in_order && std::mem::replace(&mut self.given[slot], true) {
                    return None;
                }
                self.take(b':')?;
                row[slot] = self.value(predictor, slot)?;
                count += 1;
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        let is_given = |slot: usize| {
            if in_order {
                slot < count
            } else {
                self.given[slot]
            }
        };
        let is_whole =
            count == width || (0..width).all(|slot| is_given(slot) || predictor.nullable(slot));
        rows.count += 1;
        is_whole.then_some(())
    }

    fn value(&mut self, predictor: &Predictor, slot: usize) -> Option<Value> {
        self.skip_space();
        match (self.peek()?, predictor.kind(slot)?) {
            (b'-' | b'0'..=b'9', ColumnType::Float) => {
                let number = self.number()?;
                number.is_finite().then_some(Value::Number(number))
            }
            (b'-' | b'0'..=b'9', ColumnType::Integer) => {
                let number = self.number()?;
                let is_whole = number.fract() == 0.0 && number.abs() < LARGE;
                is_whole.then_some(Value::Number(number))
            }
            (b'"', ColumnType::String) => {
                let text = self.text()?;
                Some(predictor.category(slot, from_utf8(&text).ok()?))
            }
            (b't', ColumnType::Boolean) => {
                self.take_word("true")?;
                Some(Predictor::boolean(true))
            }
            (b'f', ColumnType::Boolean) => {
                self.take_word("false")?;
                Some(Predictor::boolean(false))
            }
            (b'n', _) if predictor.nullable(slot) => {
                self.take_word("null")?;
                Some(Value::Missing)
            }
            _ => None,
        }
    }

    /// Of a text that comes next; whether it is UTF-8 is for the caller to see.
    fn text(&mut self) -> Option<Cow<'b, [u8]>> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => return self.escaped(start),
                ..0x20 => return None,
                _ => self.at += 1,
            }
        }
        let text = &self.body[start..self.at];
        self.at += 1;
        Some(Cow::Borrowed(text))
    }

    /// A text from `start` on, in which an escape comes next.
    fn escaped(&mut self, start: usize) -> Option<Cow<'b, [u8]>> {
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let text: String = serde_json::from_slice(&self.body[start - 1..self.at]).ok()?;
        Some(Cow::Owned(text.into_bytes()))
    }

    fn number(&mut self) -> Option<f64> {
        /// Up to here a float holds every whole number.
        const EXACT: u64 = 1 << 53;
        /// As many digits fit 64 bits.
        const MOST_DIGITS: usize = 19;
        const TENS: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
        ];
        let start = self.at;
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let first = self.at;
        let mut digits = self.digits(0)?;
        if self.body[first] == b'0' && self.at > first + 1 {
            return None;
        }
        let mut places = 0;
        if self.peek() == Some(b'.') {
            self.at += 1;
            let point = self.at;
            digits = self.digits(digits)?;
            places = self.at - point;
        }
        let is_short = self.at - first <= MOST_DIGITS;
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits(0)?;
        }
        // Both are exact, so their quotient is rounded once, to the nearest float.
        match TENS.get(places) {
            Some(tens) if is_short && !has_exponent && digits <= EXACT => {
                let number = digits as f64 / tens;
                Some(if is_negative { -number } else { number })
            }
            _ => from_utf8(&self.body[start..self.at]).ok()?.parse().ok(),
        }
    }

    /// At least one, as more digits of `number`.
    fn digits(&mut self, mut number: u64) -> Option<u64> {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.wrapping_mul(10).wrapping_add((digit - b'0').into());
            self.at += 1;
        }
        (self.at > start).then_some(number)
    }
}
