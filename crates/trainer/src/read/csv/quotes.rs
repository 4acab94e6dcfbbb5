/// Watches a record's bytes for a quote that was meant to close earlier: a quoted value that has a line break in it and
/// goes on after its closing quote. The parser itself would take all of that as one value, and rows would be lost.
pub(super) struct Quotes {
    delimiter: u8,
    state: State,
    field: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first byte of a value.
    Start,
    Bare,
    Quoted {
        line_break: bool,
    },
    /// After a quote in a quoted value: the closing one, or the first of two.
    Closing {
        line_break: bool,
    },
}

impl Quotes {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::Start,
            field: 0,
        }
    }

    /// A new record.
    pub(super) fn begin(&mut self) {
        self.state = State::Start;
        self.field = 0;
    }

    /// Takes the record's next bytes; `last` says that there are no more. Gives the place of the value that is broken.
    #[inline]
    pub(super) fn feed(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
        let in_quotes = matches!(self.state, State::Quoted { .. } | State::Closing { .. });
        if last && !in_quotes && !bytes.contains(&b'"') {
            return None;
        }
        self.follow(bytes)
    }

    fn follow(&mut self, bytes: &[u8]) -> Option<usize> {
        for &byte in bytes {
            let ends = byte == self.delimiter || byte == b'\n' || byte == b'\r';
            self.state = match (self.state, byte) {
                (State::Start, b'"') => State::Quoted { line_break: false },
                (State::Quoted { line_break }, b'"') => State::Closing { line_break },
                (State::Quoted { line_break }, _) => State::Quoted {
                    line_break: line_break || byte == b'\n' || byte == b'\r',
                },
                (State::Closing { line_break }, b'"') => State::Quoted { line_break },
                (State::Closing { line_break: true }, _) if !ends => return Some(self.field),
                (State::Start | State::Bare | State::Closing { .. }, _) if ends => {
                    self.field += 1;
                    State::Start
                }
                _ => State::Bare,
            };
        }
        None
    }
}
