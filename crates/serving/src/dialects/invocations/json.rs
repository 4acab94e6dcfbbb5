use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use domain::FieldError;
use model::{Predictor, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::{check_cells, collect, pointer, pointer_to, slots, too_many_rows};
use crate::request::{self, MAX_ROWS, Rows};

const SHAPE: &str =
    "an object with one of dataframe_split, dataframe_records, instances and inputs";

/// A table as it is written: what its cells hold is not read yet.
enum Table<'a> {
    /// An object for each row.
    Records(Vec<&'a RawValue>),
    /// An array for each row, in the signature's order if the columns have no names.
    Lists {
        columns: Option<Vec<String>>,
        rows: Vec<&'a RawValue>,
    },
    /// An array for each column.
    Columns(Vec<(String, &'a RawValue)>),
}

pub(super) fn read(predictor: &Predictor, body: &[u8]) -> Result<Rows, Vec<FieldError>> {
    let body = without_nan(body);
    match table(&body).map_err(|error| vec![error])? {
        Table::Records(rows) => collect(
            predictor,
            rows.into_iter().map(|row| record(predictor, row)),
        ),
        Table::Lists { columns, rows } => {
            let slots = match columns {
                Some(names) => slots(predictor, &names)?,
                None => (0..predictor.len()).collect(),
            };
            collect(
                predictor,
                rows.into_iter().map(|row| list(predictor, &slots, row)),
            )
        }
        Table::Columns(columns) => {
            let (names, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
            let slots = slots(predictor, &names)?;
            let columns = columns_of_one_length(&names, &columns).map_err(|error| vec![error])?;
            collect(
                predictor,
                transposed(&columns).map(|cells| check_list(predictor, &slots, &cells)),
            )
        }
    }
}

pub(super) fn inputs(predictor: &Predictor, body: &[u8]) -> Option<Vec<u8>> {
    let body = without_nan(body);
    let written = match table(&body).ok()? {
        Table::Records(rows) => serde_json::to_vec(&rows),
        Table::Lists { columns, rows } => {
            let names = columns.unwrap_or_else(|| {
                let inputs = predictor.signature().inputs.iter();
                inputs.map(|input| input.name.clone()).collect()
            });
            let rows = rows
                .into_iter()
                .map(|row| Some(named(&names, &cells(row)?)));
            serde_json::to_vec(&rows.collect::<Option<Vec<_>>>()?)
        }
        Table::Columns(columns) => {
            let (names, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
            let columns = columns_of_one_length(&names, &columns).ok()?;
            let rows = transposed(&columns).map(|cells| named(&names, &cells));
            serde_json::to_vec(&rows.collect::<Vec<_>>())
        }
    };
    written.ok()
}

fn named<'a>(names: &'a [String], cells: &[&'a RawValue]) -> BTreeMap<&'a str, &'a RawValue> {
    let names = names.iter().map(String::as_str);
    names.zip(cells.iter().copied()).collect()
}

/// Python writes a missing number as `NaN`, which JSON does not have. Null says the same.
fn without_nan(body: &[u8]) -> Cow<'_, [u8]> {
    const NAN: &[u8] = b"NaN";
    if !body.windows(NAN.len()).any(|word| word == NAN) {
        return Cow::Borrowed(body);
    }
    let mut out = Vec::with_capacity(body.len() + body.len() / 3 + 1);
    let (mut in_text, mut escaped) = (false, false);
    let mut rest = body;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(NAN).filter(|_| !in_text) {
            out.extend_from_slice(b"null");
            rest = after;
            continue;
        }
        in_text ^= byte == b'"' && !escaped;
        escaped = in_text && byte == b'\\' && !escaped;
        out.push(byte);
        rest = after;
    }
    Cow::Owned(out)
}

fn table(body: &[u8]) -> Result<Table<'_>, FieldError> {
    let whole: &RawValue = serde_json::from_slice(body).map_err(|error| {
        FieldError::new("", "malformed_json", format!("{SHAPE}, as JSON")).got(error.to_string())
    })?;
    let Ok(Members(members)) = serde_json::from_str(whole.get()) else {
        return Err(if whole.get().starts_with('[') {
            let now =
                r#"{"dataframe_records": [{...}]}, {"instances": [...]} or {"inputs": [...]}"#;
            malformed(format!(
                "{SHAPE}: what was a bare array before MLflow 2 is now {now}"
            ))
        } else {
            malformed(SHAPE)
        }
        .got(whole.get()));
    };
    let has = |name: &str| members.iter().any(|(known, _)| known == name);
    if has("columns") && has("data") {
        let now = r#"{"dataframe_split": {"columns": [...], "data": [...]}}"#;
        return Err(malformed(format!(
            "{SHAPE}: what was a bare object before MLflow 2 is now {now}"
        )));
    }
    let [split, records, instances, inputs, params] = pick(
        &members,
        [
            "dataframe_split",
            "dataframe_records",
            "instances",
            "inputs",
            "params",
        ],
        SHAPE,
    )?;
    if let Some(params) = params {
        check_params(params)?;
    }
    match (split, records, instances, inputs) {
        (Some(split), None, None, None) => of_split(split),
        (None, Some(records), None, None) => {
            Ok(Table::Records(elements(records, "dataframe_records")?))
        }
        (None, None, Some(instances), None) => of_rows(instances, "instances"),
        (None, None, None, Some(inputs)) => of_inputs(inputs),
        (None, None, None, None) => Err(malformed(SHAPE).got("none of them")),
        _ => Err(malformed(SHAPE).got("several of them")),
    }
}

fn check_params(params: &RawValue) -> Result<(), FieldError> {
    match serde_json::from_str::<Option<Members<'_>>>(params.get()) {
        Ok(None) => Ok(()),
        Ok(Some(Members(members))) if members.is_empty() => Ok(()),
        _ => {
            let expected = "no params, or an empty object: the models here take none";
            Err(FieldError::new("", "invalid", expected).got(params.get()))
        }
    }
}

fn of_split(split: &RawValue) -> Result<Table<'_>, FieldError> {
    const SPLIT: &str =
        "dataframe_split to be an object with columns and data, and index if you like";
    let Ok(Members(members)) = serde_json::from_str(split.get()) else {
        return Err(malformed(SPLIT).got(split.get()));
    };
    // Predictions come in the rows' order, so the index says nothing.
    let [columns, data, _] = pick(&members, ["columns", "data", "index"], SPLIT)?;
    let (Some(columns), Some(data)) = (columns, data) else {
        return Err(malformed(SPLIT).got(split.get()));
    };
    let names = serde_json::from_str(columns.get()).map_err(|_| {
        malformed("columns in dataframe_split to be an array of names").got(columns.get())
    })?;
    Ok(Table::Lists {
        columns: Some(names),
        rows: elements(data, "data in dataframe_split")?,
    })
}

fn of_inputs(inputs: &RawValue) -> Result<Table<'_>, FieldError> {
    let Ok(Members(members)) = serde_json::from_str(inputs.get()) else {
        return of_rows(inputs, "inputs");
    };
    if members
        .iter()
        .any(|(_, value)| value.get().starts_with('['))
    {
        Ok(Table::Columns(members))
    } else {
        Ok(Table::Records(vec![inputs]))
    }
}

/// The first row says of which kind all are.
fn of_rows<'a>(raw: &'a RawValue, what: &str) -> Result<Table<'a>, FieldError> {
    let rows = elements(raw, what)?;
    if rows.first().is_some_and(|row| row.get().starts_with('{')) {
        Ok(Table::Records(rows))
    } else {
        Ok(Table::Lists {
            columns: None,
            rows,
        })
    }
}

fn elements<'a>(raw: &'a RawValue, what: &str) -> Result<Vec<&'a RawValue>, FieldError> {
    serde_json::from_str(raw.get())
        .map_err(|_| malformed(format!("{what} to be an array of rows")).got(raw.get()))
}

fn record(predictor: &Predictor, row: &RawValue) -> Result<Vec<Value>, Vec<FieldError>> {
    let Ok(Members(members)) = serde_json::from_str(row.get()) else {
        let expected = "an object with the row's values, as the rows before it";
        return Err(vec![
            FieldError::new("", "wrong_type", expected).got(row.get()),
        ]);
    };
    let members = members
        .into_iter()
        .map(|(name, raw)| {
            let json = cell(raw, || pointer(&name))?;
            Ok((name, json))
        })
        .collect::<Result<Vec<_>, FieldError>>()
        .map_err(|error| vec![error])?;
    request::check_members(predictor, None, members).map_err(|mut errors| {
        for error in &mut errors {
            if let Some(in_row) = error.pointer.strip_prefix("/inputs") {
                error.pointer = in_row.to_owned();
            }
        }
        errors
    })
}

fn list(
    predictor: &Predictor,
    slots: &[usize],
    row: &RawValue,
) -> Result<Vec<Value>, Vec<FieldError>> {
    match cells(row) {
        Some(cells) => check_list(predictor, slots, &cells),
        None => Err(vec![
            FieldError::new("", "wrong_type", "an array with the row's values").got(row.get()),
        ]),
    }
}

fn check_list(
    predictor: &Predictor,
    slots: &[usize],
    cells: &[&RawValue],
) -> Result<Vec<Value>, Vec<FieldError>> {
    check_cells(predictor, slots, cells, |slot, raw| {
        cell(raw, || pointer_to(predictor, slot))
    })
}

/// A row of one column may be written without its brackets.
fn cells(row: &RawValue) -> Option<Vec<&RawValue>> {
    match row.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(row.get()).ok(),
        Some(b'{') => None,
        _ => Some(vec![row]),
    }
}

/// What a good syntax may still hold: numbers beyond all bounds, endless brackets, half characters.
fn cell(raw: &RawValue, pointer: impl FnOnce() -> String) -> Result<Json, FieldError> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let text = error.to_string();
        let (code, expected) = if text.starts_with("number out of range") {
            ("out_of_range", "a number that fits 64 bits")
        } else {
            ("invalid", "a number, a text, true, false or null")
        };
        FieldError::new(pointer(), code, expected).got(raw.get())
    })
}

fn columns_of_one_length<'a>(
    names: &[String],
    columns: &[&'a RawValue],
) -> Result<Vec<Vec<&'a RawValue>>, FieldError> {
    let mut lists: Vec<Vec<&RawValue>> = Vec::with_capacity(columns.len());
    for (name, column) in names.iter().zip(columns) {
        let list: Vec<&RawValue> = serde_json::from_str(column.get()).map_err(|_| {
            let expected = "an array with a value for each row, as other columns have";
            FieldError::new(pointer(name), "wrong_type", expected).got(column.get())
        })?;
        if list.len() > MAX_ROWS {
            return Err(too_many_rows());
        }
        if let (Some(first), Some(first_name)) = (lists.first(), names.first())
            && first.len() != list.len()
        {
            let expected = format!("{} values, as column {first_name} has", first.len());
            let got = list.len().to_string();
            return Err(FieldError::new(pointer(name), "malformed_body", expected).got(got));
        }
        lists.push(list);
    }
    Ok(lists)
}

fn transposed<'a>(columns: &[Vec<&'a RawValue>]) -> impl Iterator<Item = Vec<&'a RawValue>> {
    let count = columns.first().map_or(0, Vec::len);
    (0..count).map(|row| {
        columns
            .iter()
            .filter_map(|column| column.get(row).copied())
            .collect()
    })
}

/// The members of these names. One of another name is refused, and one that comes twice.
fn pick<'a, const N: usize>(
    members: &[(String, &'a RawValue)],
    names: [&str; N],
    expected: &str,
) -> Result<[Option<&'a RawValue>; N], FieldError> {
    let mut picked = [None; N];
    for (name, value) in members {
        let Some(index) = names.iter().position(|known| known == name) else {
            return Err(malformed(expected).got(format!("the member {name}")));
        };
        if picked[index].replace(*value).is_some() {
            return Err(malformed(expected).got(format!("{name} twice")));
        }
    }
    Ok(picked)
}

fn malformed(expected: impl Into<String>) -> FieldError {
    FieldError::new("", "malformed_body", expected)
}

/// The members of an object in their order; a name may come twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
