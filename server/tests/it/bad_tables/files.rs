//! Tables that somebody may send, from a seed. `docs/reference/bad-tables.md` says what becomes of each kind.

use std::fmt::Write as _;

use super::parquet::{Claims, Column, file, floats, texts};

/// What must become of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Ready,
    /// The reason has each of these.
    Failed(&'static [&'static str]),
    /// It may be read, or the reason says what is wrong.
    Either,
}

use Outcome::{Either, Failed, Ready};

pub(super) struct BadTable {
    pub(super) kind: &'static str,
    pub(super) is_parquet: bool,
    pub(super) content: Vec<u8>,
    pub(super) outcome: Outcome,
}

/// Numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// The kinds of CSV, then those of Parquet, once for each of `rounds`.
pub(super) fn bad_tables(seed: u64, rounds: u64) -> Vec<BadTable> {
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut random = Random(seed ^ (round << 32));
        for (kind, content, outcome) in csvs(&mut random) {
            all.push(BadTable {
                kind,
                is_parquet: false,
                content,
                outcome,
            });
        }
        for (kind, content, outcome) in parquets(&mut random) {
            all.push(BadTable {
                kind,
                is_parquet: true,
                content,
                outcome,
            });
        }
    }
    all
}

type Made = (&'static str, Vec<u8>, Outcome);

/// Where the footer of a Parquet file begins: its length stands before the mark at the end.
fn footer_of(file: &[u8]) -> usize {
    let (_, behind) = file.split_last_chunk::<8>().unwrap();
    let length = u32::from_le_bytes(*behind.first_chunk().unwrap());
    file.len() - behind.len() - length as usize
}

/// A sound table of three columns.
fn sound(random: &mut Random) -> String {
    let rows = 3 + random.below(30);
    let mut text = "id,name,size\n".to_owned();
    for row in 0..rows {
        let (name, size) = (random.below(5), random.below(100));
        writeln!(text, "{row},n{name},{size}.5").unwrap();
    }
    text
}

/// With another line among the others.
fn with_line(random: &mut Random, line: &str) -> Vec<u8> {
    let text = sound(random);
    let lines: Vec<&str> = text.lines().collect();
    let place = 1 + random.below(lines.len() - 1);
    let (before, after) = lines.split_at(place);
    [before, &[line], after].concat().join("\n").into_bytes()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(bytes).collect()
}

fn csvs(random: &mut Random) -> Vec<Made> {
    let text = sound(random);
    let wide = |count: usize| {
        let names: Vec<String> = (0..count).map(|column| format!("c{column}")).collect();
        let ones = vec!["1"; count].join(",");
        format!("{}\n{ones}\n", names.join(",")).into_bytes()
    };
    let noise: Vec<u8> = (0..600).map(|_| random.next() as u8).collect();
    let huge = "x".repeat((1 << 20) + 1 + random.below(1000));
    vec![
        (
            "a row with more values",
            with_line(random, "1,n1,2.5,9"),
            Failed(&["row", "line"]),
        ),
        (
            "a row with fewer values",
            with_line(random, "1,n1"),
            Failed(&["row", "line"]),
        ),
        (
            "a byte order mark",
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Ready,
        ),
        (
            "UTF-16, little end first",
            utf16(&text, u16::to_le_bytes),
            Failed(&["UTF-8"]),
        ),
        (
            "UTF-16, big end first",
            utf16(&text, u16::to_be_bytes),
            Failed(&["UTF-8"]),
        ),
        (
            "a NUL",
            with_line(random, "1,n\0,2.5"),
            Failed(&["row", "column", "NUL"]),
        ),
        (
            "100,000 columns",
            wide(100_000),
            Failed(&["4096", "100000"]),
        ),
        ("4,096 columns", wide(4_096), Ready),
        ("one row", b"a,b\n1,2\n".to_vec(), Ready),
        ("a header alone", b"a,b\n".to_vec(), Either),
        ("nothing but a line end", b"\n".to_vec(), Failed(&[])),
        ("nothing but spaces", b"   \n  \n".to_vec(), Either),
        (
            "nothing but delimiters",
            b",,,\n,,,\n".to_vec(),
            Failed(&["column"]),
        ),
        (
            "every value missing",
            b"a,b\n,NA\nnull,\nnan,None\n".to_vec(),
            Ready,
        ),
        (
            "values of several types",
            with_line(random, "twelve,true,2026-01-31"),
            Ready,
        ),
        (
            "two columns of one name",
            format!("id,name,id\n{}", &text[13..]).into_bytes(),
            Failed(&["column", "id"]),
        ),
        (
            "a column without a name",
            format!("id,,size\n{}", &text[13..]).into_bytes(),
            Failed(&["column"]),
        ),
        (
            "a value of more than 1 MiB",
            with_line(random, &format!("1,{huge},2.5")),
            Failed(&["row"]),
        ),
        (
            "a name of more than 200 characters",
            format!("id,{},size\n{}", "n".repeat(201), &text[13..]).into_bytes(),
            Failed(&["column"]),
        ),
        (
            "a quote that is not closed",
            with_line(random, "1,\"n1,2.5"),
            Failed(&["line", "quote"]),
        ),
        (
            "a quote within a value",
            with_line(random, "1,n\"1\",2.5"),
            Either,
        ),
        (
            "text behind a closed quote",
            with_line(random, "1,\"n\"1,2.5"),
            Either,
        ),
        (
            "a line end within quotes",
            with_line(random, "1,\"n\n1\",2.5"),
            Ready,
        ),
        (
            "carriage returns alone",
            text.replace('\n', "\r").into_bytes(),
            Ready,
        ),
        (
            "line ends of several kinds",
            text.replacen('\n', "\r\n", 2).into_bytes(),
            Ready,
        ),
        (
            "no line end at the end",
            text.trim_end().as_bytes().to_vec(),
            Ready,
        ),
        (
            "a delimiter at the end of each row",
            text.replace('\n', ",\n").into_bytes(),
            Failed(&["column"]),
        ),
        (
            "Latin-1",
            with_line(random, "1,n1,2.5")
                .into_iter()
                .chain(*b"\n2,\xE9t\xE9,1\n")
                .collect(),
            Failed(&["UTF-8", "row"]),
        ),
        (
            "half of a surrogate pair",
            text.bytes().chain(*b"2,\xED\xA0\x80,1\n").collect(),
            Failed(&["UTF-8"]),
        ),
        (
            "control characters",
            with_line(random, "1,\u{1}\u{7f}\u{1b}[31m,2.5"),
            Ready,
        ),
        (
            "numbers that are too large",
            with_line(random, &format!("{},n,1e999", "9".repeat(40))),
            Ready,
        ),
        ("bytes of no table", noise, Either),
        (
            "a page of a website",
            b"<!doctype html>\n<html><body><p>Hello, you</p></body></html>\n".to_vec(),
            Either,
        ),
        (
            "a Parquet file that is said to be CSV",
            file(&[floats("a")], &Claims::true_ones(), false),
            Either,
        ),
        (
            "dates that are none",
            with_line(random, "1,2026-02-30,25:61"),
            Ready,
        ),
        (
            "formulas",
            with_line(random, "1,=cmd|' /C calc'!A0,2.5"),
            Ready,
        ),
    ]
}

fn parquets(random: &mut Random) -> Vec<Made> {
    let columns = || {
        vec![
            floats("size"),
            texts("name", [b"a", b"b", b"a"]),
            Column {
                name: b"id".to_vec(),
                kind: 2,
                values: (0..3_i64).flat_map(i64::to_le_bytes).collect(),
            },
        ]
    };
    let sound = file(&columns(), &Claims::true_ones(), false);
    let lie = |change: &dyn Fn(&mut Claims)| {
        let mut claims = Claims::true_ones();
        change(&mut claims);
        file(&columns(), &claims, false)
    };
    let changed = |from: usize, to: usize, random: &mut Random| {
        let mut bytes = sound.clone();
        for _ in 0..=random.below(4) {
            let place = from + random.below(to - from);
            bytes[place] ^= 1 << random.below(8);
        }
        bytes
    };
    let absurd = [i64::MAX, -1, 1 << 40][random.below(3)];
    let size = [i64::from(i32::MAX), i64::from(i32::MIN), 1 << 20][random.below(3)];
    let end = sound.len();
    let begin = footer_of(&sound);
    vec![
        ("a sound one", sound.clone(), Ready),
        (
            "cut off",
            sound[..=random.below(end - 1)].to_vec(),
            Failed(&[]),
        ),
        (
            "another mark at the beginning",
            [b"PARX", &sound[4..]].concat(),
            Either,
        ),
        (
            "another mark at the end",
            [&sound[..end - 4], b"PARX"].concat(),
            Failed(&[]),
        ),
        ("nothing but the mark", b"PAR1".to_vec(), Failed(&[])),
        ("the mark twice", b"PAR1PAR1".to_vec(), Failed(&[])),
        (
            "a CSV that is said to be Parquet",
            b"a,b\n1,2\n".to_vec(),
            Failed(&[]),
        ),
        (
            "columns within a column",
            file(&columns(), &Claims::true_ones(), true),
            Failed(&["address"]),
        ),
        (
            "an absurd count of rows",
            lie(&|claims| claims.rows = absurd),
            Either,
        ),
        (
            "an absurd count of a group's rows",
            lie(&|claims| claims.group_rows = absurd),
            Either,
        ),
        (
            "an absurd count of values",
            lie(&|claims| claims.values = absurd),
            Either,
        ),
        (
            "an absurd count of a page's values",
            lie(&|claims| claims.page_values = size),
            Either,
        ),
        (
            "an absurd size of a page",
            lie(&|claims| claims.page_bytes = size.max(0)),
            Failed(&[]),
        ),
        (
            "a page that lies elsewhere",
            lie(&|claims| claims.offset = absurd.max(0)),
            Failed(&[]),
        ),
        (
            "an unknown compression",
            lie(&|claims| claims.codec = 99),
            Failed(&[]),
        ),
        (
            "an unknown encoding",
            lie(&|claims| claims.encoding = 77),
            Failed(&[]),
        ),
        (
            "an absurd count of columns",
            lie(&|claims| claims.columns = Some(u64::from(u32::MAX))),
            Failed(&[]),
        ),
        (
            "a footer larger than the file",
            lie(&|claims| claims.footer = Some(u32::MAX)),
            Failed(&[]),
        ),
        (
            "a footer of nothing",
            lie(&|claims| claims.footer = Some(0)),
            Failed(&[]),
        ),
        (
            "two columns of one name",
            file(&[floats("a"), floats("a")], &Claims::true_ones(), false),
            Failed(&["column", "a"]),
        ),
        (
            "no columns",
            file(&[], &Claims::true_ones(), false),
            Failed(&["column"]),
        ),
        (
            "a text that is no text",
            file(
                &[texts("a", [b"ok", b"\xFF\xFE", b"ok"])],
                &Claims::true_ones(),
                false,
            ),
            Failed(&["column", "a"]),
        ),
        (
            "a text that is cut",
            file(
                &[Column {
                    values: vec![200, 0, 0, 0, 1],
                    ..texts("a", [b"", b"", b""])
                }],
                &Claims::true_ones(),
                false,
            ),
            Failed(&[]),
        ),
        (
            "a footer with bits changed",
            changed(begin, end - 8, random),
            Either,
        ),
        ("pages with bits changed", changed(4, begin, random), Either),
    ]
}
