//! How long a client waits for a call, as it says in the header `grpc-timeout`: what takes longer ends, wherever it is.

use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::HeaderName;
use tokio::time::timeout_at;

use crate::error::{ApiError, ApiResult};
use crate::routes::predict::answer::too_late;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Digits of a number, as gRPC has it.
const MOST_DIGITS: usize = 8;

/// When the client of a call that arrived then stops waiting; `None` if it says nothing of it.
///
/// # Errors
/// 400 for what is no time.
pub(super) fn of(headers: &HeaderMap, arrived: Instant) -> ApiResult<Option<Instant>> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else {
        return Ok(None);
    };
    let Some(timeout) = value.to_str().ok().and_then(parse) else {
        return Err(ApiError::bad_request(
            "the header grpc-timeout must be a number of at most 8 digits and a unit, H, M, S, m, u or n: such as 250m for 250 ms",
        ));
    };
    // What is too far away for the clock is as good as never.
    Ok(arrived.checked_add(timeout))
}

fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > MOST_DIGITS || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Does the work, unless the deadline passes first: then what is left of it is dropped.
pub(super) async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = ApiResult<T>>,
) -> ApiResult<T> {
    match deadline {
        None => work.await,
        Some(deadline) if deadline <= Instant::now() => Err(too_late()),
        Some(deadline) => timeout_at(deadline.into(), work)
            .await
            .unwrap_or_else(|_| Err(too_late())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000),
            ("2M", 120_000_000_000),
            ("30S", 30_000_000_000),
            ("250m", 250_000_000),
            ("00000007u", 7_000),
            ("0n", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parse("99999999H"), Some(Duration::from_hours(99_999_999)));
        for text in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "1.5S",
            " 1S",
            "1 S",
            "100000000S",
            "1ms",
            "1µ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
