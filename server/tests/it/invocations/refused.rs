//! Bodies that are refused, and what is said of them.

use serde_json::json;

use super::{error, invoke};
use crate::served::{Served, status};

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

#[tokio::test]
async fn a_message_names_the_row_the_column_and_the_way_out() {
    let served = Served::start().await;
    served.house().await;
    let cases = [
        (
            JSON,
            r#"{"dataframe_split":{"columns":["rooms","place"],"data":[[1,"INLAND"],["x","INLAND"]]}}"#,
            "row 1, column rooms: expected a whole number, got \"x\"",
        ),
        (
            JSON,
            r#"{"dataframe_split":{"columns":["rooms","place"],"data":[[1,"INLAND"],[1]]}}"#,
            "row 1: expected 2 values, one for each column, got 1",
        ),
        (
            JSON,
            r#"{"dataframe_split":{"columns":["rooms","rooms","place"],"data":[]}}"#,
            "column rooms: expected each column once",
        ),
        (
            JSON,
            r#"{"dataframe_split":{"columns":["rooms","city"],"data":[]}}"#,
            "column city: expected no such column: the model takes rooms, area, place, flag; column place: expected a column of this name",
        ),
        (
            JSON,
            r#"{"dataframe_split":{"columns":["rooms","place"],"data":[]}}"#,
            "expected at least one row, got none",
        ),
        (
            JSON,
            r#"{"dataframe_records":[{"rooms":1,"place":"INLAND"},{"rooms":1.5,"place":"INLAND"}]}"#,
            "row 1, column rooms: expected a whole number, got 1.5",
        ),
        (
            JSON,
            r#"{"dataframe_records":[{"rooms":1,"place":"INLAND"},[1]]}"#,
            "row 1: expected an object with the row's values, as the rows before it, got [1]",
        ),
        (
            JSON,
            r#"{"dataframe_records":[{"rooms":1,"rooms":2,"place":"INLAND"}]}"#,
            "row 0, column rooms: expected each input once",
        ),
        (
            JSON,
            r#"{"instances":[[1,2,"INLAND",true],{"rooms":1}]}"#,
            "row 1: expected an array with the row's values, got {\"rooms\":1}",
        ),
        (
            JSON,
            r#"{"inputs":{"rooms":[1,2],"place":["INLAND"]}}"#,
            "column place: expected 2 values, as column rooms has, got 1",
        ),
        (
            JSON,
            r#"{"inputs":{"rooms":[1],"place":"INLAND"}}"#,
            "column place: expected an array with a value for each row, as other columns have, got \"INLAND\"",
        ),
        (
            JSON,
            r#"{"inputs":{"rooms":[1],"place":["INLAND"],"area":[1e400]}}"#,
            "row 0, column area: expected a number that fits 64 bits, got 1e400",
        ),
        (
            JSON,
            r#"{"inputs":{"rooms":[NaN],"place":["INLAND"]}}"#,
            "row 0, column rooms: expected a whole number, got null",
        ),
        (
            JSON,
            r#"{"inputs":[[1,2,"INLAND",true]],"params":{"a":1}}"#,
            "expected no params, or an empty object: the models here take none, got {\"a\":1}",
        ),
        (
            CSV,
            "rooms,place\n1,INLAND\nmany,INLAND\n",
            "row 1, column rooms: expected a whole number, got \"many\"",
        ),
        (
            CSV,
            "rooms,place\n1,INLAND\n1\n",
            "row 1: expected 2 values, one for each column, got 1",
        ),
        (
            CSV,
            ",rooms,place\n0,1,INLAND\n",
            "expected no column without a name: leave out the table's index, as to_csv(index=False) does",
        ),
        (
            CSV,
            "rooms,place,area\n1,INLAND,inf\n",
            "row 0, column area: expected a number or null, got \"inf\"",
        ),
        (
            CSV,
            "rooms,place,flag\n1,INLAND,1\n",
            "row 0, column flag: expected true or false or null, got \"1\"",
        ),
        (
            CSV,
            "rooms,place\n,INLAND\n",
            "row 0, column rooms: expected a whole number, got null",
        ),
        (
            CSV,
            "rooms,place\n1,\"INLAND\n2,INLAND\n",
            "row 0: expected a closing quote for every quoted value",
        ),
    ];
    for (content_type, body, expected) in cases {
        let (_, message) = error(invoke(&served, "house", content_type, body), 400).await;
        assert_eq!(message, expected, "{body}");
    }
    for (body, part) in [
        (
            r#"[{"rooms":1}]"#,
            r#"is now {"dataframe_records": [{...}]}"#,
        ),
        (
            r#"{"columns":["rooms"],"data":[[1]]}"#,
            r#"is now {"dataframe_split": {"#,
        ),
        (r#"{"rooms":1}"#, "got the member rooms"),
        ("{", "as JSON"),
    ] {
        let (code, message) = error(invoke(&served, "house", JSON, body), 400).await;
        assert_eq!(code, "BAD_REQUEST");
        assert!(message.contains(part), "{message}");
    }
    let old = "application/json; format=pandas-split";
    let (_, message) = error(invoke(&served, "house", old, "{}"), 415).await;
    assert!(message.contains("dataframe_split"), "{message}");
}

#[tokio::test]
async fn rows_and_bytes_have_their_limits() {
    let served = Served::start().await;
    let csv = |rows: usize| format!("rooms\n{}", "3\n".repeat(rows));
    assert_eq!(
        status(invoke(&served, "price", CSV, csv(10_000))).await,
        200
    );
    let (_, message) = error(invoke(&served, "price", CSV, csv(10_001)), 400).await;
    assert!(message.contains("at most 10000 rows"), "{message}");
    for many in [
        json!({"inputs": vec![3; 10_001]}),
        json!({"inputs": {"rooms": vec![3; 10_001]}}),
        json!({"instances": vec![[3]; 10_001]}),
        json!({"dataframe_records": vec![json!({"rooms": 3}); 10_001]}),
        json!({"dataframe_split": {"columns": ["rooms"], "data": vec![[3]; 10_001]}}),
    ] {
        let (_, message) = error(invoke(&served, "price", JSON, many.to_string()), 400).await;
        assert!(message.contains("at most 10000 rows"), "{message}");
    }
    let padded = |length: usize| {
        let body = r#"{"inputs":[3]}"#;
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    let limit = 1 << 20;
    assert_eq!(
        status(invoke(&served, "price", JSON, padded(limit))).await,
        200
    );
    let (code, message) = error(invoke(&served, "price", JSON, padded(limit + 1)), 413).await;
    assert_eq!(code, "BAD_REQUEST");
    assert!(message.contains("1048576"), "{message}");
}

#[tokio::test]
async fn nothing_malformed_is_a_fault_of_ours() {
    let served = Served::start().await;
    served.house().await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    let mut bodies: Vec<String> = [
        "",
        " ",
        "null",
        "true",
        "\"",
        "{}",
        "[]",
        "[[]]",
        "{\"\":0}",
        "{\"inputs\"}",
        "{\"inputs\":}",
        "{\"inputs\":{}}",
        "{\"inputs\":null}",
        "{\"inputs\":\"\"}",
        "{\"inputs\":[[]]}",
        "{\"inputs\":[null]}",
        "{\"inputs\":[{}]}",
        "{\"inputs\":{\"rooms\":[]}}",
        "{\"inputs\":{\"rooms\":[[[1]]]}}",
        "{\"inputs\":[1],\"inputs\":[1]}",
        "{\"instances\":{}}",
        "{\"instances\":[{}, 1]}",
        "{\"dataframe_split\":{}}",
        "{\"dataframe_split\":{\"columns\":0,\"data\":0}}",
        "{\"dataframe_split\":{\"columns\":[],\"data\":[[]]}}",
        "{\"dataframe_split\":{\"columns\":[null],\"data\":[[1]]}}",
        "{\"dataframe_split\":{\"columns\":[\"rooms\"],\"data\":{\"a\":1}}}",
        "{\"dataframe_split\":{\"data\":[[1]]}}",
        "{\"dataframe_records\":[\"\\ud800\"]}",
        "{\"dataframe_records\":[{\"place\":\"\\ud800\"}]}",
        "{\"inputs\":[NaN]}",
        "{\"inputs\":[-NaN,Infinity,-Infinity]}",
        "NaN",
        "{NaN:NaN}",
        "{\"inputs\":[1e999999999]}",
        "\u{0}",
        "\u{feff}{}",
        "rooms",
        "rooms\n",
        "rooms,place\n\n\n",
        "\"rooms",
        "\"\"\"",
        ",,,,\n,,,,",
        "rooms;place\n1;INLAND",
        "a\r\rb\r\r",
        "rooms,place\n1,\"IN\"LAND\"\n",
    ]
    .map(str::to_owned)
    .to_vec();
    bodies.push(deep("[", "]"));
    bodies.push(deep("{\"inputs\":", "}"));
    bodies.push(format!(
        "{{\"inputs\":[[{},1,\"a\",true]]}}",
        deep("[", "]")
    ));
    bodies.push(format!(
        "{{\"inputs\":[[{},1,\"a\",true]]}}",
        "9".repeat(900_000)
    ));
    bodies.push(format!(
        "{{\"dataframe_records\":[{{{}\"a\":1}}]}}",
        "\"a\":1,".repeat(100_000)
    ));
    bodies.push(format!(
        "{{\"dataframe_split\":{{\"columns\":[{}\"a\"],\"data\":[]}}}}",
        "\"a\",".repeat(200_000)
    ));
    bodies.push(format!("{{\"inputs\":[{}{{}}]}}", "{},".repeat(300_000)));
    bodies.push(",".repeat(1_000_000));
    bodies.push("\n".repeat(1_000_000));
    bodies.push(format!("rooms,place\n{}", "\"".repeat(1_000_001)));
    for body in bodies {
        for content_type in [JSON, CSV] {
            let shown: String = body.chars().take(60).collect();
            let started = std::time::Instant::now();
            let request = invoke(&served, "house", content_type, body.clone());
            let answer = request.send().await.unwrap();
            assert!(matches!(answer.status().as_u16(), 200 | 400), "{shown}");
            assert!(answer.text().await.unwrap().len() < 20_000, "{shown}");
            assert!(
                started.elapsed().as_millis() < 2000,
                "{shown}: {:?}",
                started.elapsed()
            );
        }
    }
    let bytes = b"rooms,place\n1,\xff\n".to_vec();
    for content_type in [JSON, CSV] {
        error(invoke(&served, "house", content_type, bytes.clone()), 400).await;
    }
    for content_type in [
        "",
        "application/xml",
        "text/csv; header=absent",
        "application/json;charset=",
        "a;b;c",
        "ü",
    ] {
        let answer = invoke(&served, "house", content_type, "{}")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 415, "{content_type}");
    }
    let path = "/deployments/house/invocations";
    error(served.app.get(path).bearer_auth(&served.key), 405).await;
}
