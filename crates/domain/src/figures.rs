//! Numbers as sentences and pages write them, the same in every place: nothing here asks for a locale.

/// Digits a measured value is shown with.
const SIGNIFICANT: i32 = 4;

/// A measured value with about four significant digits: `0.6412`, `68,433`, `1.2e-7`.
#[must_use]
pub fn decimal(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-5..15).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let places = usize::try_from(SIGNIFICANT - 1 - magnitude).unwrap_or(0);
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    grouped(text)
}

/// A count with its thousands apart: `20,640`.
#[must_use]
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(text: &str) -> String {
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::with_capacity(text.len() + whole.len() / 3);
    grouped.push_str(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_four_digits_and_no_idle_zeros() {
        assert_eq!(decimal(0.641_234), "0.6412");
        assert_eq!(decimal(68_433.2), "68,433");
        assert_eq!(decimal(-1234.5), "-1,234"); // a tie goes to the even digit
        assert_eq!(decimal(12.5), "12.5");
        assert_eq!(decimal(0.0), "0");
        assert_eq!(decimal(0.000_000_12), "1.200e-7");
        assert_eq!(decimal(f64::NAN), "–");
        assert_eq!(count(20_640), "20,640");
    }
}
