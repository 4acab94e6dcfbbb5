use domain::models::OutputField;
use model::label;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// What a version made of a request's rows. As JSON a regressor's is a number for each row; a classifier's is an object with the
/// label and the probability of each class.
#[derive(Clone, Copy, Debug)]
pub struct Predictions<'a> {
    numbers: &'a [f64],
    classes: Option<&'a [String]>,
}

impl<'a> Predictions<'a> {
    /// `numbers` are all finite: one for each row, or one for each class of each row.
    #[inline]
    pub fn new(numbers: &'a [f64], classes: Option<&'a [String]>) -> Self {
        Self { numbers, classes }
    }

    pub fn of(output: &'a OutputField, numbers: &'a [f64]) -> Self {
        Self::new(numbers, output.classes.as_deref())
    }

    /// Of all rows, one row behind the other.
    #[inline]
    pub fn numbers(&self) -> &'a [f64] {
        self.numbers
    }

    pub fn classes(&self) -> Option<&'a [String]> {
        self.classes
    }

    pub fn rows(&self) -> usize {
        self.numbers.len() / self.width()
    }

    /// The label of each row, of a classifier.
    pub fn labels(&self) -> impl Iterator<Item = &'a str> {
        let classes = self.classes.unwrap_or_default();
        let rows = self.numbers.chunks_exact(self.width());
        rows.filter_map(move |row| classes.get(label(row)).map(String::as_str))
    }

    fn width(&self) -> usize {
        self.classes.map_or(1, <[String]>::len).max(1)
    }
}

impl Serialize for Predictions<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(classes) = self.classes else {
            return self.numbers.serialize(serializer);
        };
        let mut rows = serializer.serialize_seq(Some(self.rows()))?;
        for probabilities in self.numbers.chunks_exact(self.width()) {
            rows.serialize_element(&Labelled {
                classes,
                probabilities,
            })?;
        }
        rows.end()
    }
}

struct Labelled<'a> {
    classes: &'a [String],
    probabilities: &'a [f64],
}

impl Serialize for Labelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(2))?;
        row.serialize_entry("label", &self.classes.get(label(self.probabilities)))?;
        row.serialize_entry("probabilities", &Probabilities(self))?;
        row.end()
    }
}

struct Probabilities<'a>(&'a Labelled<'a>);

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.classes.iter().zip(self.0.probabilities))
    }
}
