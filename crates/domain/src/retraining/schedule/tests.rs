use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn next(schedule: &str, from: &str) -> String {
    let schedule = Schedule::parse(schedule).unwrap();
    schedule.next_after(at(from)).unwrap().to_string()
}

#[test]
fn the_usual_ones() {
    let from = "2026-01-15T09:00:30Z"; // a Thursday
    for (schedule, expected) in [
        ("* * * * *", "2026-01-15T09:01:00Z"),
        ("*/15 * * * *", "2026-01-15T09:15:00Z"),
        ("0 3 * * *", "2026-01-16T03:00:00Z"),
        ("0 9 * * *", "2026-01-16T09:00:00Z"),
        ("0 3 * * 1", "2026-01-19T03:00:00Z"),
        ("0 3 * * MON-FRI", "2026-01-16T03:00:00Z"),
        ("0 3 * * 7", "2026-01-18T03:00:00Z"),
        ("0 3 * * 5-7", "2026-01-16T03:00:00Z"),
        ("0 3 1 * *", "2026-02-01T03:00:00Z"),
        ("0 3 31 * *", "2026-01-31T03:00:00Z"),
        ("0 3 29 2 *", "2028-02-29T03:00:00Z"),
        ("30 4 1,15 * 5", "2026-01-16T04:30:00Z"),
        ("0 0 1 jan *", "2027-01-01T00:00:00Z"),
        ("5/20 9 * * *", "2026-01-15T09:05:00Z"),
        ("@monthly", "2026-02-01T00:00:00Z"),
        ("@Weekly", "2026-01-18T00:00:00Z"),
    ] {
        assert_eq!(next(schedule, from), expected, "{schedule}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_field() {
    for (schedule, expected) in [
        ("", "these are 0"),
        ("0 3 * *", "these are 4"),
        ("0 3 * * * *", "these are 6"),
        (
            "60 3 * * *",
            "numbers from 0 to 59 in the field of the minute",
        ),
        (
            "0 24 * * *",
            "numbers from 0 to 23 in the field of the hour",
        ),
        ("0 3 0 * *", "numbers from 1 to 31 in the field of the day"),
        (
            "0 3 * 13 *",
            "1 to 12 or jan to dec in the field of the month",
        ),
        (
            "0 3 * * 8",
            "0 to 7 or sun to sat in the field of the weekday",
        ),
        ("0 3 * * L", "sun to sat"),
        ("5-1 3 * * *", "ranges that go up"),
        ("*/0 3 * * *", "steps from 1 up"),
        ("+5 3 * * *", "numbers from 0 to 59"),
        (", 3 * * *", "numbers from 0 to 59"),
        ("0 3 30 2 *", "month 2 has no day 30"),
        ("@fortnightly", "@hourly, @daily"),
        ("99999999999999999999 3 * * *", "numbers from 0 to 59"),
    ] {
        let error = Schedule::parse(schedule).unwrap_err();
        assert!(error.contains(expected), "{schedule}: {error}");
    }
    assert!(Schedule::parse(&"*".repeat(1000)).is_err());
}

#[test]
fn of_what_was_missed_only_the_last_is_left() {
    let schedule = Schedule::parse("0 * * * *").unwrap();
    let after = at("2026-01-15T09:00:00Z");
    let within = |now: &str, most| schedule.last_within(after, at(now), most);
    assert_eq!(within("2026-01-15T09:59:59Z", 9), None);
    let once = (at("2026-01-15T10:00:00Z"), 0);
    assert_eq!(within("2026-01-15T10:00:00Z", 9), Some(once));
    let thrice = (at("2026-01-15T12:00:00Z"), 2);
    assert_eq!(within("2026-01-15T12:30:00Z", 9), Some(thrice));
    let many = (at("2027-01-15T12:00:00Z"), 9);
    assert_eq!(within("2027-01-15T12:30:00Z", 9), Some(many));
}

#[test]
fn the_shortest_pause_is_found_over_midnight_too() {
    for (schedule, expected) in [
        ("* * * * *", Some(1)),
        ("*/15 * * * *", Some(15)),
        ("*/16 * * * *", Some(12)),
        ("0,50 * * * *", Some(10)),
        ("0 * * * *", Some(60)),
        ("0 3 * * *", Some(1440)),
        ("0 3 * * 1", None),
        // Of two days in a row, and of those that never are.
        ("0,55 0,23 * * 1,2", Some(5)),
        ("0,55 0,23 * * 1", Some(55)),
        ("0,55 0,23 31 12 *", Some(55)),
        ("0,55 0,23 28,29 2 *", Some(5)),
        // The day before a 29th of February is a Monday once in 28 years.
        ("0,55 0,23 29 2 1", Some(5)),
    ] {
        let found = Schedule::parse(schedule).unwrap().shortest_pause();
        assert_eq!(found, expected, "{schedule}");
    }
}

fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
    let number = low..=high;
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => number.clone().prop_map(|number| number.to_string()),
        1 => (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (2_u8..=high).prop_map(|step| format!("*/{step}")),
        1 => proptest::collection::vec(number, 1..4).prop_map(|numbers| {
            numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
        }),
    ]
}

/// Whether a field stands for a number, told anew and slowly.
fn stands_for(field: &str, number: u8, low: u8) -> bool {
    field.split(',').any(|item| {
        if let Some(step) = item.strip_prefix("*/") {
            return (number - low).is_multiple_of(step.parse().unwrap());
        }
        match item.split_once('-') {
            _ if item == "*" => true,
            Some((from, to)) => (from.parse().unwrap()..=to.parse().unwrap()).contains(&number),
            None => item.parse::<u8>().unwrap() == number,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Minute by minute over two months: nothing is left out, and nothing is added.
    #[test]
    fn the_next_moment_is_the_first_minute_that_fits(
        fields in (field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)),
        start in 0_i64..4_000_000_000,
    ) {
        let (minute, hour, day, month, weekday) = fields;
        let schedule = Schedule::parse(&format!("{minute} {hour} {day} {month} {weekday}")).unwrap();
        let from = Timestamp::from_unix_seconds(start).unwrap();
        let found = schedule.next_after(from);
        let fits = |at: OffsetDateTime| {
            let is_day = stands_for(&day, at.day(), 1);
            let is_weekday = stands_for(&weekday, at.weekday().number_days_from_sunday(), 0);
            let either = if day == "*" || weekday == "*" { is_day && is_weekday } else { is_day || is_weekday };
            either
                && stands_for(&minute, at.minute(), 0)
                && stands_for(&hour, at.hour(), 0)
                && stands_for(&month, at.month().into(), 1)
        };
        let first_minute = (start / 60 + 1) * 60;
        let expected = (0..60 * 24 * 62)
            .map(|minute| Timestamp::from_unix_seconds(first_minute + minute * 60).unwrap())
            .find(|at| fits(at.into_inner()));
        match expected {
            Some(expected) => prop_assert_eq!(found, Some(expected)),
            None => prop_assert!(found.is_none_or(|found| found.seconds_since(from) > 60.0 * 60.0 * 24.0 * 61.0)),
        }
    }

    /// Over three days, which have every pause of a schedule of every day.
    #[test]
    fn no_pause_is_shorter_than_the_shortest(fields in (field(0, 59), field(0, 23))) {
        let schedule = Schedule::parse(&format!("{} {} * * *", fields.0, fields.1)).unwrap();
        let until = Timestamp::UNIX_EPOCH.plus_seconds(3 * 86_400);
        let first = schedule.next_after(Timestamp::UNIX_EPOCH);
        let moments: Vec<Timestamp> = std::iter::successors(first, |at| schedule.next_after(*at))
            .take_while(|moment| *moment < until)
            .collect();
        let pauses = moments.iter().zip(moments.iter().skip(1));
        let shortest = pauses.map(|(earlier, later)| later.unix_seconds() - earlier.unix_seconds()).min();
        let found = schedule.shortest_pause().map(|minutes| i64::try_from(minutes).unwrap() * 60);
        prop_assert_eq!(found, shortest);
    }

    #[test]
    fn the_last_one_before_now_has_none_between(
        fields in (field(0, 59), field(0, 23)),
        start in 0_i64..4_000_000_000,
        hours in 0_i64..200,
    ) {
        let schedule = Schedule::parse(&format!("{} {} * * *", fields.0, fields.1)).unwrap();
        let (after, now) = (
            Timestamp::from_unix_seconds(start).unwrap(),
            Timestamp::from_unix_seconds(start + hours * 3600).unwrap(),
        );
        match schedule.last_within(after, now, 5) {
            Some((last, before)) => {
                prop_assert!(after < last && last <= now && before <= 5);
                prop_assert!(schedule.next_after(last).is_none_or(|next| next > now));
            }
            None => prop_assert!(schedule.next_after(after).is_none_or(|next| next > now)),
        }
    }

    #[test]
    fn no_text_is_too_odd(text in ".{0,60}") {
        let _ = Schedule::parse(&text);
    }
}
