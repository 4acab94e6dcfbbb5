//! The quick way through a body: one pass over its bytes that knows from the signature what to expect, and writes every value
//! to its place in the row. It takes nothing that the thorough way would not, and leaves it what is rare or wrong.

use std::borrow::Cow;
use std::str::from_utf8;

use domain::datasets::ColumnType;
use model::{Member, Predictor, Value};

use super::{MAX_ROWS, Rows};

/// How most bodies begin.
const USUAL: &[u8] = br#"{"inputs":"#;
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
    if body.starts_with(USUAL) {
        reader.at = USUAL.len();
    } else {
        reader.take(b'{')?;
        if *reader.text()? != *b"inputs" {
            return None;
        }
        reader.take(b':')?;
    }
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
        self.rest().starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
        })
    }

    fn rest(&self) -> &'b [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    /// The members of an object that has begun.
    fn row(&mut self, predictor: &Predictor, rows: &mut Rows) -> Option<()> {
        let width = rows.width;
        let start = rows.values.len();
        rows.values.resize(start + width, Value::Missing);
        let row = &mut rows.values[start..];
        let mut count = 0;
        let mut in_order = true;
        if self.next()? != b'}' {
            self.at -= 1;
            loop {
                let (slot, member) = self.member(predictor, count)?;
                if in_order && slot != count {
                    in_order = false;
                    self.given.clear();
                    self.given.resize(width, false);
                    self.given[..count].fill(true);
                }
                if !in_order && std::mem::replace(&mut self.given[slot], true) {
                    return None;
                }
                let value = self.value(predictor, slot, member)?;
                if !predictor.takes(slot, value) {
                    return None;
                }
                row[slot] = value;
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

    /// Which input comes next, up to its value. Mostly it is the expected one, and written in the usual way.
    fn member<'p>(
        &mut self,
        predictor: &'p Predictor,
        expected: usize,
    ) -> Option<(usize, &'p Member)> {
        self.skip_space();
        let member = predictor.member(expected);
        let begun = member.and_then(|member| Some((member, member.begins(self.rest())?)));
        if let Some((member, length)) = begun {
            self.at += length;
            return Some((expected, member));
        }
        let name = self.text()?;
        let slot = predictor.slot(from_utf8(&name).ok()?)?;
        self.take(b':')?;
        Some((slot, predictor.member(slot)?))
    }

    fn value(&mut self, predictor: &Predictor, slot: usize, member: &Member) -> Option<Value> {
        self.skip_space();
        match (self.peek()?, member.kind) {
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
            (b'n', _) if member.nullable => {
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
        let (number, length) = number(self.rest())?;
        self.at += length;
        Some(number)
    }
}

/// A number that stands at the beginning of a text, and how many bytes it takes.
fn number(text: &[u8]) -> Option<(f64, usize)> {
    /// Up to here a float holds every whole number.
    const EXACT: u64 = 1 << 53;
    /// As many digits fit 64 bits.
    const MOST_DIGITS: usize = 19;
    const TENS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    let is_negative = *text.first()? == b'-';
    let first = usize::from(is_negative);
    let (mut whole, mut at) = digits(text, first, 0)?;
    if text[first] == b'0' && at > first + 1 {
        return None;
    }
    let mut places = 0;
    if text.get(at) == Some(&b'.') {
        let point = at + 1;
        (whole, at) = digits(text, point, whole)?;
        places = at - point;
    }
    let is_short = at - first <= MOST_DIGITS;
    let has_exponent = matches!(text.get(at), Some(b'e' | b'E'));
    if has_exponent {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        (_, at) = digits(text, at, 0)?;
    }
    // Both are exact, so their quotient is rounded once, to the nearest float.
    let number = match TENS.get(places) {
        Some(tens) if is_short && !has_exponent && whole <= EXACT => {
            let number = whole as f64 / tens;
            if is_negative { -number } else { number }
        }
        _ => from_utf8(&text[..at]).ok()?.parse().ok()?,
    };
    Some((number, at))
}

/// At least one, as more digits of `number`; and where they end.
#[inline]
fn digits(text: &[u8], begin: usize, mut number: u64) -> Option<(u64, usize)> {
    let mut at = begin;
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        number = number.wrapping_mul(10).wrapping_add((digit - b'0').into());
        at += 1;
    }
    (at > begin).then_some((number, at))
}
