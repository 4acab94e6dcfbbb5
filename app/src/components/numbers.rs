//! Numbers and times as people read them. The same text on the server and in the browser: nothing here asks for a locale
//! or a clock.

use domain::Timestamp;

pub use domain::figures::{count, decimal};

/// A share of 1 as per cent with one digit: `4.2 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() / 10.0;
    if tenths.fract() == 0.0 {
        format!("{tenths:.0} %")
    } else {
        format!("{tenths:.1} %")
    }
}

/// Milliseconds, finer the shorter: `0.42 ms`, `18 ms`, `1.4 s`.
#[must_use]
pub fn milliseconds(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2} ms")
    } else if value < 1000.0 {
        format!("{value:.0} ms")
    } else {
        format!("{:.1} s", value / 1000.0)
    }
}

/// A span of time in its two largest units: `42 s`, `3 min 5 s`, `2 h 10 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) if seconds < 10.0 => format!("{:.1} s", seconds.max(0.0)),
        (0, 0) => format!("{rest} s"),
        (0, _) if rest == 0 => format!("{minutes} min"),
        (0, _) => format!("{minutes} min {rest} s"),
        (_, 0) => format!("{hours} h"),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// A size in bytes: `1.4 MB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut size = value as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{value} B")
    } else {
        format!("{size:.1} {}", UNITS[unit])
    }
}

/// A moment to the minute, in UTC: `2026-01-31 09:30`.
#[must_use]
pub fn minute(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.get(..16)
        .map_or_else(|| text.clone(), |minute| minute.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_the_size() {
        assert_eq!(count(20_640), "20,640");
        assert_eq!(percent(0.0425), "4.3 %");
        assert_eq!(percent(0.05), "5 %");
        assert_eq!(milliseconds(0.4239), "0.42 ms");
        assert_eq!(milliseconds(1400.0), "1.4 s");
        assert_eq!(duration(4.21), "4.2 s");
        assert_eq!(duration(185.0), "3 min 5 s");
        assert_eq!(duration(300.0), "5 min");
        assert_eq!(duration(7800.0), "2 h 10 min");
        assert_eq!(duration(7200.0), "2 h");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_423_529), "1.4 MB");
        assert_eq!(
            minute("2026-01-31T09:30:12Z".parse().unwrap()),
            "2026-01-31 09:30"
        );
    }
}
