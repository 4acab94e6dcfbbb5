//! As Volary's own shape, with what each input adds to what the model says of the rows.

use domain::predictions::Scale;
use domain::{Error, FieldError};
use model::{Explanation, Predictor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use super::native::Native;
use super::{Dialect, Predicted, Written};
use crate::request::Rows;

/// Most rows of a request; fewer of a model whose trees take long.
pub const MAX_ROWS: usize = 100;

#[derive(Clone, Copy, Debug)]
pub struct Explained;

impl Dialect for Explained {
    type Asked = Rows;

    const TAKES_TIME: bool = true;

    fn check_model(&self, predictor: &Predictor, rows: usize) -> Result<(), Error> {
        let most = predictor.explainable_rows().map_err(|why| Error::Unsupported {
            code: "not_explainable",
            message: format!(
                "the predictions of this version can not be explained: {why}. Ask without explain=true for the predictions alone"
            ),
        })?;
        let most = most.min(MAX_ROWS);
        if rows <= most {
            return Ok(());
        }
        let expected = format!("at most {most} rows to explain of this model");
        let error = FieldError::new("/inputs", "out_of_range", expected);
        Err(Error::Invalid(vec![error.got(format!("{rows} rows"))]))
    }

    fn read(&self, predictor: &Predictor, body: &[u8]) -> Result<(Rows, Rows), Vec<FieldError>> {
        let (rows, ()) = Native.read(predictor, body)?;
        Ok((rows.clone(), rows))
    }

    fn write(&self, rows: &Rows, predicted: &Predicted<'_>) -> serde_json::Result<Written> {
        let predictor = predicted.predictor;
        let mut written = Native.write(&(), predicted)?;
        let body = &mut written.body;
        // The object goes on.
        body.pop();
        body.extend_from_slice(b",\"explanations\":[");
        for (place, row) in rows.iter().enumerate() {
            let scores = predictor.explain(row).map_err(serde_json::Error::custom)?;
            if place > 0 {
                body.push(b',');
            }
            let row = OfRow {
                predictor,
                scores: &scores,
            };
            serde_json::to_writer(&mut *body, &row)?;
        }
        body.extend_from_slice(b"]}");
        Ok(written)
    }

    fn inputs(&self, predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
        Native.inputs(predictor, body)
    }
}

/// As `domain::predictions::Explanation`.
struct OfRow<'a> {
    predictor: &'a Predictor,
    scores: &'a [Explanation],
}

impl Serialize for OfRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { predictor, scores } = *self;
        let mut row = serializer.serialize_map(None)?;
        let scale: Scale = predictor.scale();
        row.serialize_entry("scale", scale.as_str())?;
        if let [score] = scores {
            if let Some(class) = predictor.explained_class(0) {
                row.serialize_entry("class", class)?;
            }
            row.serialize_entry("base", &score.base)?;
            row.serialize_entry("contributions", &Contributions { predictor, score })?;
        } else {
            row.serialize_entry("classes", &Classes(self))?;
        }
        row.end()
    }
}

struct Classes<'a>(&'a OfRow<'a>);

impl Serialize for Classes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let OfRow { predictor, scores } = *self.0;
        let classes = scores.iter().enumerate().filter_map(|(place, score)| {
            let class = predictor.explained_class(place)?;
            Some((class, OfClass { predictor, score }))
        });
        serializer.collect_map(classes)
    }
}

struct OfClass<'a> {
    predictor: &'a Predictor,
    score: &'a Explanation,
}

impl Serialize for OfClass<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { predictor, score } = *self;
        let mut class = serializer.serialize_map(Some(2))?;
        class.serialize_entry("base", &score.base)?;
        class.serialize_entry("contributions", &Contributions { predictor, score })?;
        class.end()
    }
}

struct Contributions<'a> {
    predictor: &'a Predictor,
    score: &'a Explanation,
}

impl Serialize for Contributions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inputs = &self.predictor.signature().inputs;
        let names = inputs.iter().map(|input| input.name.as_str());
        serializer.collect_map(names.zip(&self.score.contributions))
    }
}
