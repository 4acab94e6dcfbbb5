use std::collections::HashMap;

use domain::datasets::{ColumnType, HistogramBar, TopValue};
use xxhash_rust::xxh3::xxh3_64;

use super::counter::{Added, Counter};
use super::histogram::Histogram;
use super::moments::Moments;
use crate::error::shorten;
use crate::read::{Cell, Number};

const BARS: usize = 20;
const TOP: usize = 10;

/// Characters of a frequent value.
const TEXT_CHARS: usize = 200;

/// What a column may use to count its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Different values.
    entries: usize,
    /// Bytes of their texts.
    text_bytes: usize,
}

impl Budget {
    /// Up to 100,000 different values a column, and 4 million and 96 MiB of texts in all.
    pub(super) fn shared_by(columns: usize, text_columns: usize) -> Self {
        Self {
            entries: (4_000_000 / columns.max(1)).clamp(500, 100_000),
            text_bytes: ((96 << 20) / text_columns.max(1)).max(32 << 10),
        }
    }
}

/// The values of one column, counted.
#[derive(Debug)]
pub(super) enum Values {
    Integers {
        counter: Counter,
        histogram: Option<Histogram>,
    },
    Floats {
        counter: Counter,
        histogram: Option<Histogram>,
    },
    Booleans {
        counts: [u64; 2],
    },
    Texts {
        counter: Counter,
        texts: HashMap<u64, Box<str>>,
        bytes: usize,
        max_bytes: usize,
    },
}

/// What is to be told of a column's values.
pub(super) struct Counted {
    pub(super) distinct: u64,
    pub(super) histogram: Vec<HistogramBar>,
    pub(super) top: Vec<TopValue>,
}

impl Values {
    /// `moments` of a column of numbers that has any.
    pub(super) fn new(kind: ColumnType, moments: Option<Moments>, budget: Budget) -> Self {
        let counter = Counter::new(budget.entries);
        let histogram = moments.map(|moments| Histogram::new(moments.min(), moments.max(), BARS));
        match kind {
            ColumnType::Integer => Self::Integers { counter, histogram },
            ColumnType::Float => Self::Floats { counter, histogram },
            ColumnType::Boolean => Self::Booleans { counts: [0; 2] },
            ColumnType::String => Self::Texts {
                counter,
                texts: HashMap::new(),
                bytes: 0,
                max_bytes: budget.text_bytes,
            },
        }
    }

    #[inline]
    pub(super) fn add(&mut self, cell: Cell<'_>) {
        match self {
            Self::Integers { counter, histogram } => {
                if let Some(Number::Integer(whole)) = cell.number() {
                    counter.add(whole as u64);
                    if let Some(histogram) = histogram {
                        histogram.add(whole as f64);
                    }
                }
            }
            Self::Floats { counter, histogram } => {
                if let Some(number) = cell.number() {
                    // Minus zero is zero.
                    let float = number.as_f64() + 0.0;
                    counter.add(float.to_bits());
                    if let Some(histogram) = histogram {
                        histogram.add(float);
                    }
                }
            }
            Self::Booleans { counts } => {
                if let Some(value) = cell.boolean() {
                    counts[usize::from(value)] += 1;
                }
            }
            Self::Texts {
                counter,
                texts,
                bytes,
                max_bytes,
            } => {
                let (Cell::Text(text) | Cell::Raw(text)) = cell else {
                    return;
                };
                let key = xxh3_64(text.as_bytes());
                let added = counter.add(key);
                if added == Added::Known {
                    return;
                }
                if added == Added::AfterPruning {
                    forget(texts, counter, bytes);
                }
                let text = shorten(text, TEXT_CHARS);
                *bytes += text.len();
                texts.insert(key, text.into_boxed_str());
                if bytes > max_bytes {
                    counter.prune();
                    forget(texts, counter, bytes);
                }
            }
        }
    }

    pub(super) fn finish(self) -> Counted {
        match self {
            Self::Integers { counter, histogram } => {
                Counted::new(&counter, histogram, |key| (key as i64).to_string())
            }
            Self::Floats { counter, histogram } => {
                Counted::new(&counter, histogram, |key| format_float(f64::from_bits(key)))
            }
            Self::Booleans { counts } => {
                let mut top: Vec<TopValue> = [("false", counts[0]), ("true", counts[1])]
                    .into_iter()
                    .filter(|&(_, count)| count > 0)
                    .map(|(value, count)| TopValue {
                        value: value.to_owned(),
                        count,
                    })
                    .collect();
                top.sort_by_key(|value| std::cmp::Reverse(value.count));
                Counted {
                    distinct: top.len() as u64,
                    histogram: Vec::new(),
                    top,
                }
            }
            Self::Texts { counter, texts, .. } => {
                let mut counted = Counted::new(&counter, None, |key| {
                    texts
                        .get(&key)
                        .map_or_else(String::new, ToString::to_string)
                });
                // Among equals by their text, not by its hash.
                counted
                    .top
                    .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
                counted
            }
        }
    }
}

impl Counted {
    fn new(counter: &Counter, histogram: Option<Histogram>, text: impl Fn(u64) -> String) -> Self {
        Self {
            distinct: counter.distinct(),
            histogram: histogram
                .map(|histogram| histogram.bars())
                .unwrap_or_default(),
            top: counter
                .top(TOP)
                .into_iter()
                .map(|(key, count)| TopValue {
                    value: text(key),
                    count,
                })
                .collect(),
        }
    }
}

/// Drops the texts of the keys that the counter has dropped.
fn forget(texts: &mut HashMap<u64, Box<str>>, counter: &Counter, bytes: &mut usize) {
    texts.retain(|&key, _| counter.contains(key));
    *bytes = texts.values().map(|text| text.len()).sum();
}

/// The shortest text that reads back as the same number, without rows of zeros.
pub(super) fn format_float(float: f64) -> String {
    if float != 0.0 && !(1e-5..1e16).contains(&float.abs()) {
        format!("{float:e}")
    } else {
        float.to_string()
    }
}
