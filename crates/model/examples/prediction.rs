//! How long one prediction takes in a process, for `cargo xtask bench train --only prediction`.
//!
//! `prediction ARTIFACT ROWS ONNX` reads an artifact, and a JSON list of rows; writes the artifact as an ONNX file; and prints the
//! nanoseconds of a prediction with what it predicts for the rows, one behind the other.

#![expect(
    clippy::print_stdout,
    reason = "it is a program that is asked for figures"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};
use std::{env, error, fs};

use model::{Predictor, Value, check_row, decode};
use serde_json::{Map, Value as Json, json};

/// At least.
const MEASURED: Duration = Duration::from_millis(500);
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn error::Error>> {
    let [artifact, rows, onnx] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "prediction ARTIFACT ROWS ONNX")?;
    let artifact = decode(&fs::read(artifact)?)?;
    fs::write(onnx, artifact.to_onnx()?)?;
    let predictor = Predictor::new(&artifact);
    let rows: Vec<Map<String, Json>> = serde_json::from_slice(&fs::read(rows)?)?;
    let rows: Vec<Vec<Value>> = rows
        .iter()
        .map(|row| {
            let known = row
                .iter()
                .filter(|(name, _)| predictor.slot(name).is_some());
            let row = known.map(|(name, value)| (name.clone(), value.clone()));
            check_row(&predictor, None, &row.collect())
        })
        .collect::<Result<_, _>>()
        .map_err(|errors| format!("{errors:?}"))?;
    let width = predictor.width();
    let mut predictions = vec![0.0; rows.len() * width];
    for (row, out) in rows.iter().zip(predictions.chunks_mut(width)) {
        predictor.predict(row, out)?;
    }

    let mut out = vec![0.0; width];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (started, mut count) = (Instant::now(), 0_u64);
        while started.elapsed() < MEASURED {
            for row in &rows {
                predictor.predict(black_box(row), &mut out)?;
                black_box(&out);
            }
            count += rows.len() as u64;
        }
        rounds.push(started.elapsed().as_secs_f64() * 1e9 / count as f64);
    }
    rounds.sort_unstable_by(f64::total_cmp);
    let answer = json!({"nanoseconds": rounds[ROUNDS / 2], "predictions": predictions});
    println!("{answer}");
    Ok(())
}
