//! How columns are prepared, as the form sends it.

use domain::FieldError;
use domain::datasets::ColumnType;
use domain::training_runs::{
    ColumnPreprocessing, Encode, Impute, Preprocessing, Scale, preprocessing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// One column's row of the form: text, of which nothing is the usual way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnForm {
    pub column: String,
    /// The column's type, which says what its constant is.
    pub kind: String,
    pub impute: String,
    pub constant: String,
    /// `on`, or nothing.
    pub indicator: String,
    /// A [`Scale`], an [`Encode`], or `category` for a column of dates that is left as it is.
    pub treatment: String,
    pub min_count: String,
    pub max_categories: String,
    /// What the form does not show, as a spec has it.
    pub rest: String,
}

/// Dates that are not taken apart.
pub const AS_CATEGORY: &str = "category";

impl ColumnForm {
    /// What a spec says, as the form shows it.
    #[must_use]
    pub fn of(column: &str, kind: ColumnType, asked: Option<&ColumnPreprocessing>) -> Self {
        let empty = Self {
            column: column.to_owned(),
            kind: kind.as_str().to_owned(),
            ..Self::default()
        };
        let Some(asked) = asked else {
            return empty;
        };
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let impute = asked.impute.as_ref();
        let is_left = asked.date_parts.as_ref().is_some_and(Vec::is_empty);
        let rest = ColumnPreprocessing {
            order: asked.order.clone(),
            smoothing: asked.smoothing,
            date_parts: asked.date_parts.clone().filter(|parts| !parts.is_empty()),
            ..ColumnPreprocessing::default()
        };
        let treatment = match (asked.scale, asked.encode) {
            (Some(scale), _) => scale.as_str(),
            (None, Some(encode)) => encode.as_str(),
            (None, None) if is_left => AS_CATEGORY,
            (None, None) => "",
        };
        Self {
            impute: impute.map_or("", Impute::as_str).to_owned(),
            constant: match impute {
                Some(Impute::Constant(Value::String(text))) => text.clone(),
                Some(Impute::Constant(value)) => value.to_string(),
                _ => String::new(),
            },
            indicator: if asked.missing_indicator { "on" } else { "" }.to_owned(),
            treatment: treatment.to_owned(),
            min_count: number(asked.min_count).unwrap_or_default(),
            max_categories: number(asked.max_categories).unwrap_or_default(),
            rest: if rest == ColumnPreprocessing::default() {
                String::new()
            } else {
                serde_json::to_string(&rest).unwrap_or_default()
            },
            ..empty
        }
    }

    fn asked(&self, errors: &mut Vec<FieldError>) -> ColumnPreprocessing {
        let mut whole = |setting: &str, text: &str| match text.trim() {
            "" => None,
            text => {
                let number = text.parse::<u32>().ok();
                if number.is_none() {
                    let pointer = preprocessing::pointer(&self.column, setting);
                    errors.push(FieldError::new(pointer, "invalid", "a whole number").got(text));
                }
                number
            }
        };
        let treatment = self.treatment.as_str();
        let min_count = whole("min_count", &self.min_count);
        let max_categories = whole("max_categories", &self.max_categories);
        let rest: ColumnPreprocessing = serde_json::from_str(&self.rest).unwrap_or_default();
        let mut scales = Scale::ALL.into_iter();
        let mut encodes = Encode::ALL.into_iter();
        ColumnPreprocessing {
            impute: match self.impute.as_str() {
                "median" => Some(Impute::Median),
                "mean" => Some(Impute::Mean),
                "most_frequent" => Some(Impute::MostFrequent),
                "constant" => Some(Impute::Constant(self.constant())),
                "missing_indicator" => Some(Impute::MissingIndicator),
                _ => None,
            },
            missing_indicator: !self.indicator.is_empty(),
            scale: scales.find(|scale| scale.as_str() == treatment),
            encode: encodes.find(|encode| encode.as_str() == treatment),
            min_count,
            max_categories,
            date_parts: match treatment {
                AS_CATEGORY => Some(Vec::new()),
                "" => rest.date_parts,
                _ => None,
            },
            order: rest.order.filter(|_| treatment == Encode::Ordinal.as_str()),
            smoothing: rest
                .smoothing
                .filter(|_| treatment == Encode::Target.as_str()),
        }
    }

    /// As the column holds it; what can not be read so goes as text, so that the check names it.
    fn constant(&self) -> Value {
        let text = self.constant.trim();
        let read = match self.kind.as_str() {
            "integer" | "float" => {
                let number = text.parse::<f64>().ok().and_then(Number::from_f64);
                text.parse::<i64>()
                    .map(Value::from)
                    .ok()
                    .or(number.map(Value::Number))
            }
            "boolean" => text.parse::<bool>().ok().map(Value::Bool),
            _ => None,
        };
        read.unwrap_or_else(|| Value::String(text.to_owned()))
    }
}

/// Of the columns that are learned from, those that are not prepared in the usual way.
pub(super) fn preprocessing<'f>(
    columns: impl Iterator<Item = &'f ColumnForm>,
    errors: &mut Vec<FieldError>,
) -> Preprocessing {
    let mut asked = Preprocessing::new();
    for column in columns {
        let of_column = column.asked(errors);
        if of_column != ColumnPreprocessing::default() {
            asked.insert(column.column.clone(), of_column);
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_form_shows_of_a_spec_is_that_spec() {
        let column = |asked: Value| serde_json::from_value::<ColumnPreprocessing>(asked).unwrap();
        for (kind, asked) in [
            (
                ColumnType::Float,
                serde_json::json!({"impute": {"constant": 2.5}, "scale": "log1p"}),
            ),
            (
                ColumnType::Integer,
                serde_json::json!({"impute": {"constant": 3}, "missing_indicator": true}),
            ),
            (
                ColumnType::Boolean,
                serde_json::json!({"impute": {"constant": true}}),
            ),
            (
                ColumnType::String,
                serde_json::json!({"encode": "target", "min_count": 5, "max_categories": 200}),
            ),
            (
                ColumnType::String,
                serde_json::json!({"date_parts": [], "impute": "most_frequent"}),
            ),
            (
                ColumnType::String,
                serde_json::json!({"impute": {"constant": "none"}}),
            ),
            (
                ColumnType::String,
                serde_json::json!({"encode": "ordinal", "order": ["low", "high"]}),
            ),
            (
                ColumnType::String,
                serde_json::json!({"encode": "target", "smoothing": 2.5}),
            ),
            (
                ColumnType::String,
                serde_json::json!({"date_parts": ["year", "hour"]}),
            ),
        ] {
            let asked = column(asked);
            let form = ColumnForm::of("c", kind, Some(&asked));
            let mut errors = Vec::new();
            let read = preprocessing([form].iter(), &mut errors);
            assert_eq!(
                (read.get("c"), errors.as_slice()),
                (Some(&asked), [].as_slice())
            );
        }
        let mut errors = Vec::new();
        let usual = ColumnForm::of("c", ColumnType::Float, None);
        assert!(preprocessing([usual].iter(), &mut errors).is_empty());
        let wrong = ColumnForm {
            min_count: "few".to_owned(),
            ..ColumnForm::of("a/b", ColumnType::String, None)
        };
        preprocessing([wrong].iter(), &mut errors);
        assert_eq!(errors[0].pointer, "/preprocessing/a~1b/min_count");
    }
}
