//! MLflow's shape: whatever the notation, the same rows give the same predictions.

use domain::predictions::PredictResponse;
use domain::{Error, FieldError};
use model::Predictor;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use serving::Snapshot;
use serving::dialects::{Dialect, Invocations};
use serving::predict::{Request, from_deployment};

use crate::built::{Built, artifact, request};

const COLUMNS: [&str; 4] = ["rooms", "area", "place", "flag"];

type Row = (i64, Option<f64>, String, Option<bool>);

fn cells(row: &Row) -> [Value; 4] {
    [json!(row.0), json!(row.1), json!(row.2), json!(row.3)]
}

fn record(row: &Row) -> Value {
    let cells = COLUMNS
        .iter()
        .map(|name| (*name).to_owned())
        .zip(cells(row));
    Value::Object(cells.collect::<Map<_, _>>())
}

fn ask<D: Dialect>(
    built: &Built,
    snapshot: &Snapshot,
    dialect: &D,
    body: &str,
) -> Result<Value, Vec<FieldError>> {
    let plain = request(body);
    let asked = Request {
        dialect,
        body: body.as_bytes(),
        request_id: plain.request_id,
        routing_key: plain.routing_key,
        forced: plain.forced,
        now: plain.now,
        arrived: plain.arrived,
    };
    let deployment = snapshot.deployment(built.project, "price").unwrap();
    match from_deployment(&built.recorder, deployment, &asked) {
        Ok(answer) => Ok(serde_json::from_slice(&answer.body).unwrap()),
        Err(Error::Invalid(errors)) => Err(errors),
        Err(other) => panic!("{other}"),
    }
}

/// The rows in every notation, as JSON.
fn notations(rows: &[Row]) -> Vec<Value> {
    let records: Vec<Value> = rows.iter().map(record).collect();
    let lists: Vec<[Value; 4]> = rows.iter().map(cells).collect();
    let turned: Vec<Vec<Value>> = lists
        .iter()
        .map(|row| row.iter().rev().cloned().collect())
        .collect();
    let names: Vec<&str> = COLUMNS.iter().rev().copied().collect();
    let columns: Map<String, Value> = (0..4)
        .map(|column| {
            let values: Vec<&Value> = lists.iter().map(|row| &row[column]).collect();
            (COLUMNS[column].to_owned(), json!(values))
        })
        .collect();
    let mut notations = vec![
        json!({"dataframe_split": {"columns": COLUMNS, "data": lists, "index": (0..rows.len()).collect::<Vec<_>>()}}),
        json!({"dataframe_split": {"columns": names, "data": turned}}),
        json!({"dataframe_records": records}),
        json!({"instances": records}),
        json!({"instances": lists}),
        json!({"inputs": records, "params": {}}),
        json!({"inputs": lists}),
        json!({"inputs": columns}),
    ];
    if let [row] = records.as_slice() {
        notations.push(json!({"inputs": row}));
    }
    notations
}

fn csv(rows: &[Row]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let lines = rows.iter().map(|(rooms, area, place, flag)| {
        let area = area.map_or(String::new(), |area| format!("{area:?}"));
        let flag = flag.map_or("", |flag| if flag { "True" } else { "false" });
        format!("{},{rooms},{flag},{area}\n", quoted(place))
    });
    format!("place,rooms,flag,area\n{}", lines.collect::<String>())
}

/// Words that stand for a missing value in a table are no texts in CSV.
fn place() -> impl Strategy<Value = String> {
    let known = prop_oneof![Just("INLAND".to_owned()), Just("NEAR BAY".to_owned())];
    prop_oneof![known, "[^\u{0}]{0,12}"].prop_filter("a text in CSV, too", |text| {
        let text = text.trim().to_lowercase();
        !["", "na", "n/a", "nan", "null", "none"].contains(&text.as_str())
    })
}

fn row() -> impl Strategy<Value = Row> {
    (
        -1_000_000_000_i64..1_000_000_000,
        proptest::option::of(-1e15..1e15_f64),
        place(),
        proptest::option::of(any::<bool>()),
    )
}

proptest! {
    #[test]
    fn the_same_rows_give_the_same_predictions(rows in proptest::collection::vec(row(), 1..8)) {
        let built = Built::new(artifact(10.0), artifact(20.0));
        let snapshot = built.snapshot();
        let native = json!({"inputs": rows.iter().map(record).collect::<Vec<_>>()}).to_string();
        let native = ask(&built, &snapshot, &serving::dialects::Native, &native).unwrap();
        let native: PredictResponse = serde_json::from_value(native).unwrap();
        let expected = json!({"predictions": native.predictions});
        for notation in notations(&rows) {
            let body = notation.to_string();
            let found = ask(&built, &snapshot, &Invocations::Json, &body);
            prop_assert_eq!(found.as_ref(), Ok(&expected), "{}", body);
            // As Python's json module writes what is missing.
            let with_nan = body.replace(":null", ":NaN").replace("[null,", "[NaN,");
            let found = ask(&built, &snapshot, &Invocations::Json, &with_nan);
            prop_assert_eq!(found.as_ref(), Ok(&expected), "{}", with_nan);
        }
        let body = csv(&rows);
        let found = ask(&built, &snapshot, &Invocations::Csv, &body);
        prop_assert_eq!(found.as_ref(), Ok(&expected), "{}", body);
    }

    #[test]
    fn any_text_is_answered_or_refused(body in "[\\[\\]{}\",:a-z0-9.\\-\n\\\\ N]{0,60}") {
        let built = Built::new(artifact(10.0), artifact(20.0));
        let snapshot = built.snapshot();
        for dialect in [Invocations::Json, Invocations::Csv] {
            if let Err(errors) = ask(&built, &snapshot, &dialect, &body) {
                prop_assert!(!errors.is_empty());
            }
        }
    }
}

#[test]
fn the_log_has_rows_of_named_values() {
    let predictor = Predictor::new(&model::decode(&artifact(10.0)).unwrap());
    let logged = |dialect: Invocations, body: &str| -> Value {
        serde_json::from_slice(&dialect.inputs(&predictor, body.as_bytes()).unwrap()).unwrap()
    };
    let expected = json!([{"place": "INLAND", "rooms": 3}, {"place": null, "rooms": 4}]);
    for body in [
        r#"{"dataframe_split":{"columns":["rooms","place"],"data":[[3,"INLAND"],[4,NaN]]}}"#,
        r#"{"dataframe_records":[{"rooms":3,"place":"INLAND"},{"rooms":4,"place":null}]}"#,
        r#"{"inputs":{"rooms":[3,4],"place":["INLAND",null]}}"#,
    ] {
        assert_eq!(logged(Invocations::Json, body), expected, "{body}");
    }
    assert_eq!(
        logged(Invocations::Csv, "place,rooms\nINLAND,3\n,4\n"),
        expected
    );
    // Which of them are numbers, the signature says and not their looks.
    assert_eq!(
        logged(
            Invocations::Csv,
            "place,area,flag\n12345,12345,True\ntrue,1e2,false\n"
        ),
        json!([
            {"place": "12345", "area": 12345.0, "flag": true},
            {"place": "true", "area": 100.0, "flag": false},
        ])
    );
    let found = logged(
        Invocations::Json,
        r#"{"inputs":[[3,1.5,"INLAND",null],[4,null,"5",true]]}"#,
    );
    assert_eq!(
        found,
        json!([
            {"rooms": 3, "area": 1.5, "place": "INLAND", "flag": null},
            {"rooms": 4, "area": null, "place": "5", "flag": true},
        ])
    );
}

#[test]
fn a_name_like_the_request_s_own_member_is_a_name() {
    let text = r#"{"inputs":[{"inputs":1,"rooms":1,"place":"INLAND"}]}"#;
    let built = Built::new(artifact(10.0), artifact(20.0));
    let errors = ask(&built, &built.snapshot(), &Invocations::Json, text).unwrap_err();
    assert_eq!(errors[0].pointer, "/inputs");
}
