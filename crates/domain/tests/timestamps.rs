use domain::Timestamp;
use proptest::prelude::*;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// From the year 0 to the year 9999, in microseconds since 1970.
const MICROS: std::ops::Range<i64> = -62_167_219_200_000_000..253_402_300_800_000_000;

proptest! {
    #[test]
    fn any_moment_is_written_in_utc_and_read_back(micros in MICROS, digits in 0_u32..7) {
        // Whole seconds, tenths and so on, too.
        let place = 10_i64.pow(digits);
        let micros = micros.div_euclid(place) * place;
        let moment = OffsetDateTime::UNIX_EPOCH + Duration::microseconds(micros);
        let moment = Timestamp::from(moment);
        let text = moment.to_string();
        prop_assert_eq!(&text, &moment.into_inner().format(&Rfc3339).unwrap());
        prop_assert!(text.ends_with('Z'), "{}", text);
        prop_assert_eq!(text.parse(), Ok(moment));
    }
}
