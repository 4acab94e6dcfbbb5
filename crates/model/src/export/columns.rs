//! What a body takes, as numbers and as places of categories: the inputs, or columns that are made of them.

use domain::datasets::ColumnType;
use domain::models::InputField;
use onnx::{Element, Op, Wire};

use super::{Graph, MISSING_TEXT, NotExportable};
use crate::artifact::{Prepared, PreparedColumn, Step};
use crate::predictor::signed_log1p;

#[derive(Clone)]
pub(super) struct Column {
    /// Of a number, `[rows, 1]` of doubles, of which NaN is missing; of a category once it was asked for, of whole numbers: its
    /// place, see [`Self::categories`].
    wire: Option<Wire>,
    /// What the number is the logarithm of, `[rows, 1]`.
    amount: Option<Wire>,
    pub(super) is_number: bool,
    /// How many are known. The code behind theirs is that of any other, and the next that of a missing value.
    pub(super) categories: usize,
}

impl Column {
    pub(super) fn of(field: &InputField, input: &Wire) -> Self {
        let is_number = field.kind.is_numeric();
        Self {
            wire: is_number.then(|| input.clone()),
            amount: None,
            is_number,
            categories: field.categories.as_ref().map_or(0, Vec::len),
        }
    }

    fn number(wire: Wire) -> Self {
        Self {
            wire: Some(wire),
            amount: None,
            is_number: true,
            categories: 0,
        }
    }

    fn logarithm_of(amount: Wire) -> Self {
        Self {
            wire: None,
            amount: Some(amount),
            is_number: true,
            categories: 0,
        }
    }

    /// What [`Graph::compared`] is below just where the number is below the threshold.
    pub(super) fn threshold(&self, threshold: f64) -> f64 {
        match self.amount {
            Some(_) => least_from(threshold),
            None => threshold,
        }
    }

    pub(super) fn missing(&self) -> i64 {
        self.categories as i64 + 1
    }
}

impl Graph<'_> {
    /// The number, or the category's code, `[rows, 1]`.
    pub(super) fn value(&mut self, place: usize) -> Wire {
        if let Some(wire) = &self.columns[place].wire {
            return wire.clone();
        }
        if let Some(amount) = self.columns[place].amount.clone() {
            let wire = self.signed_logarithm(&amount);
            self.columns[place].wire = Some(wire.clone());
            return wire;
        }
        // Columns that are made have theirs.
        let wire = match self.fields[place].kind {
            ColumnType::String => self.text_code(place),
            ColumnType::Boolean | ColumnType::Integer | ColumnType::Float => {
                self.boolean_code(place)
            }
        };
        self.columns[place].wire = Some(wire.clone());
        wire
    }

    /// As [`Self::value`], of which a code is a double, too.
    pub(super) fn double(&mut self, place: usize) -> Wire {
        let value = self.value(place);
        if self.columns[place].is_number {
            value
        } else {
            self.cast(&value, Element::F64)
        }
    }

    /// What is compared with [`Column::threshold`]: of a logarithm the amount, since the last bit of a logarithm is not the same
    /// everywhere, and thresholds are values of rows.
    pub(super) fn compared(&mut self, place: usize) -> Wire {
        match &self.columns[place].amount {
            Some(amount) => amount.clone(),
            None => self.double(place),
        }
    }

    fn text_code(&mut self, place: usize) -> Wire {
        let (field, column) = (&self.fields[place], &self.columns[place]);
        let categories = field.categories.iter().flatten().map(String::as_str);
        let count = column.categories as i64;
        let mut texts: Vec<&str> = categories.collect();
        let mut codes: Vec<i64> = (0..count).collect();
        if field.nullable {
            texts.push(MISSING_TEXT);
            codes.push(column.missing());
        }
        let op = Op::ml("LabelEncoder", 2)
            .texts("keys_strings", texts)
            .ints("values_int64s", codes)
            .int("default_int64", count);
        self.draft.add(op, &[&self.inputs[place]])
    }

    /// 0 is false, any other number is true.
    fn boolean_code(&mut self, place: usize) -> Wire {
        let input = self.inputs[place].clone();
        let missing = self.wholes(&[], vec![self.columns[place].missing()]);
        let truth = self.cast(&input, Element::Bool);
        let code = self.cast(&truth, Element::I64);
        let is_missing = self.draft.add(Op::new("IsNaN"), &[&input]);
        self.draft
            .add(Op::new("Where"), &[&is_missing, &missing, &code])
    }

    /// The columns that a prepared body takes.
    ///
    /// # Errors
    /// One is made as no graph can.
    pub(super) fn made(&mut self, prepared: &Prepared) -> Result<Vec<Column>, NotExportable> {
        let columns = prepared.columns.iter();
        columns.map(|column| self.make(column)).collect()
    }

    fn make(&mut self, made: &PreparedColumn) -> Result<Column, NotExportable> {
        let place = made.input as usize;
        let value = self.value(place);
        let column = self.columns[place].clone();
        Ok(match &made.step {
            Step::Same => column,
            Step::IsMissing => {
                let is_missing = self.is_missing(&value, &column);
                Column::number(self.cast(&is_missing, Element::F64))
            }
            Step::Number { missing, logarithm } => {
                let mut number = value;
                if let Some(missing) = missing {
                    let is_missing = self.is_missing(&number, &column);
                    let missing = self.number(*missing);
                    let op = Op::new("Where");
                    number = self.draft.add(op, &[&is_missing, &missing, &number]);
                }
                if *logarithm {
                    Column::logarithm_of(number)
                } else {
                    Column::number(number)
                }
            }
            Step::Category { missing } => {
                let is_missing = self.is_missing(&value, &column);
                let missing = self.wholes(&[], vec![i64::from(*missing)]);
                let op = Op::new("Where");
                Column {
                    wire: Some(self.draft.add(op, &[&is_missing, &missing, &value])),
                    ..column
                }
            }
            Step::Lookup {
                numbers,
                other,
                missing,
            } => {
                let mut table = numbers.clone();
                table.extend([*other, missing.unwrap_or(f64::NAN)]);
                let table = self.numbers(&[table.len()], table);
                let op = Op::new("Gather").int("axis", 0);
                Column::number(self.draft.add(op, &[&table, &value]))
            }
            Step::Date { .. } => {
                let name = self.fields[place].name.clone();
                return Err(NotExportable::Dated(name));
            }
        })
    }

    fn is_missing(&mut self, value: &Wire, column: &Column) -> Wire {
        if column.is_number {
            return self.draft.add(Op::new("IsNaN"), &[value]);
        }
        let missing = self.wholes(&[], vec![column.missing()]);
        self.draft.add(Op::new("Equal"), &[value, &missing])
    }

    /// The logarithm of 1 and the amount, with the number's sign.
    fn signed_logarithm(&mut self, number: &Wire) -> Wire {
        let one = self.number(1.0);
        let draft = &mut self.draft;
        let amount = draft.add(Op::new("Abs"), &[number]);
        let above = draft.add(Op::new("Add"), &[&amount, &one]);
        let logarithm = draft.add(Op::new("Log"), &[&above]);
        let sign = draft.add(Op::new("Sign"), &[number]);
        draft.add(Op::new("Mul"), &[&sign, &logarithm])
    }

    pub(super) fn cast(&mut self, wire: &Wire, element: Element) -> Wire {
        self.draft.add(Op::new("Cast").to(element), &[wire])
    }
}

/// The least number whose logarithm is not below the threshold.
fn least_from(threshold: f64) -> f64 {
    // Numbers in their order, by their bits.
    const SIGN: u64 = 1 << 63;
    let place = |number: f64| match number.to_bits() {
        bits if bits & SIGN == 0 => bits | SIGN,
        bits => !bits,
    };
    let number = |place: u64| {
        f64::from_bits(if place & SIGN == 0 {
            !place
        } else {
            place ^ SIGN
        })
    };
    let (mut below, mut from) = (place(f64::NEG_INFINITY), place(f64::INFINITY));
    while from - below > 1 {
        let middle = u64::midpoint(below, from);
        if signed_log1p(number(middle)) < threshold {
            below = middle;
        } else {
            from = middle;
        }
    }
    number(from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn amounts_are_below_where_their_logarithms_are(amount in any::<f64>(), other in -1e6..1e6_f64) {
            for amount in [amount, other, 0.0, 1e308, -1e308] {
                let least = least_from(signed_log1p(amount));
                prop_assert!(least <= amount);
                prop_assert!(signed_log1p(least) >= signed_log1p(amount));
                prop_assert!(signed_log1p(least.next_down()) < signed_log1p(amount));
            }
        }
    }

    #[test]
    fn a_threshold_above_all_logarithms_has_all_below() {
        assert!(least_from(1e6) > f64::MAX);
        assert!(least_from(-1e6) <= f64::MIN);
    }
}
