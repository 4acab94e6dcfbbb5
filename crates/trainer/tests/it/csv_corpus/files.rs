//! Nasty files, and what is to become of each.

pub(super) enum Outcome {
    /// Rows, and the first row as text.
    Loads(u64, &'static [Option<&'static str>]),
    /// All of these stand in the message.
    Fails(&'static [&'static str]),
}

use Outcome::{Fails, Loads};

pub(super) fn files() -> Vec<(&'static str, Vec<u8>, Outcome)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let utf16 = |text: &str, mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
        mark.into_iter()
            .chain(text.encode_utf16().flat_map(bytes))
            .collect::<Vec<u8>>()
    };
    let wide = |columns: usize| {
        let header = (0..columns)
            .map(|index| format!("c{index}"))
            .collect::<Vec<_>>()
            .join(",");
        format!("{header}\n{}1", "1,".repeat(columns - 1)).into_bytes()
    };
    vec![
        (
            "plain",
            text("a,b\n1,2\n3,4\n"),
            Loads(2, &[Some("1"), Some("2")]),
        ),
        (
            "no last line break",
            text("a,b\n1,2"),
            Loads(1, &[Some("1"), Some("2")]),
        ),
        (
            "Windows line breaks",
            text("a,b\r\n1,2\r\n3,4\r\n"),
            Loads(2, &[Some("1"), Some("2")]),
        ),
        (
            "old Mac line breaks",
            text("a,b\r1,2\r3,4\r"),
            Loads(2, &[Some("1"), Some("2")]),
        ),
        (
            "mixed line breaks",
            text("a,b\r\n1,2\n3,4\r5,6"),
            Loads(3, &[Some("1"), Some("2")]),
        ),
        (
            "byte order mark",
            text("\u{FEFF}a,b\n1,2\n"),
            Loads(1, &[Some("1"), Some("2")]),
        ),
        (
            "byte order mark before a quote",
            text("\u{FEFF}\"a\",b\n1,2\n"),
            Loads(1, &[Some("1"), Some("2")]),
        ),
        (
            "only a byte order mark",
            text("\u{FEFF}"),
            Fails(&["empty"]),
        ),
        (
            "UTF-16 LE",
            utf16("a,b\n1,2\n", [0xFF, 0xFE], u16::to_le_bytes),
            Fails(&["UTF-16", "UTF-8"]),
        ),
        (
            "UTF-16 BE",
            utf16("a,b\n1,2\n", [0xFE, 0xFF], u16::to_be_bytes),
            Fails(&["UTF-16", "UTF-8"]),
        ),
        (
            "UTF-16 without a mark",
            text("a\0,\0b\0\n\x001\0,\x002\0\n"),
            Fails(&["NUL"]),
        ),
        ("nothing", text(""), Fails(&["the file is empty"])),
        (
            "only line breaks",
            text("\n\r\n\n"),
            Fails(&["the file is empty"]),
        ),
        ("only a header", text("a,b\n"), Fails(&["no rows"])),
        (
            "only a header, no line break",
            text("a,b"),
            Fails(&["no rows"]),
        ),
        (
            "empty lines between",
            text("\n\na,b\n\n1,2\n\n\n3,4\n\n"),
            Loads(2, &[Some("1"), Some("2")]),
        ),
        (
            "too few values",
            text("a,b,c\n1,2,3\n4,5\n"),
            Fails(&["row 2 (line 3)", "column \"c\"", "2 values", "3 columns"]),
        ),
        (
            "too many values",
            text("a,b\n1,2\n\n3,4,5\n"),
            Fails(&["row 2 (line 4)", "value \"5\"", "3 values", "2 columns"]),
        ),
        (
            "a decimal comma",
            text("a,b\n1,5,2\n"),
            Fails(&["row 1 (line 2)", "3 values", "2 columns", "delimiter"]),
        ),
        (
            "a trailing delimiter",
            text("a,b\n1,2,\n"),
            Fails(&["row 1", "3 values"]),
        ),
        (
            "a trailing delimiter everywhere",
            text("a,b,\n1,2,\n"),
            Fails(&["column 3", "no name"]),
        ),
        (
            "an unnamed first column, as pandas writes it",
            text(",a\n0,1\n"),
            Fails(&["column 1", "no name", "row numbers"]),
        ),
        (
            "a name of spaces",
            text("a, \n1,2\n"),
            Fails(&["column 2", "no name"]),
        ),
        (
            "names with spaces around",
            text(" a , b\n1,2\n"),
            Loads(1, &[Some("1"), Some("2")]),
        ),
        (
            "a name twice",
            text("a,b,a\n1,2,3\n"),
            Fails(&["columns 1 and 3", "same name", "\"a\""]),
        ),
        (
            "a name twice but for spaces",
            text("a,a \n1,2\n"),
            Fails(&["columns 1 and 2", "same name"]),
        ),
        (
            "a very long name",
            text(&format!("{},b\n1,2\n", "x".repeat(201))),
            Fails(&["column 1", "200 characters"]),
        ),
        (
            "names in many scripts",
            text("größe,价格,🦜\n1,2,3\n"),
            Loads(1, &[Some("1"), Some("2"), Some("3")]),
        ),
        (
            "an open quote at the end",
            text("a,b\n1,2\n3,\"4\n"),
            Fails(&["row 2 (line 3)", "column \"b\"", "never closed"]),
        ),
        (
            "an open quote at the end, no line break",
            text("a,b\n1,\"2"),
            Fails(&["row 1 (line 2)", "never closed"]),
        ),
        (
            "an open quote in the header",
            text("a,\"b\n1,2\n"),
            Fails(&["line 1", "never closed"]),
        ),
        (
            "an open quote before two megabytes",
            format!("a,b\n1,2\n3,\"4\n{}", "5,6\n".repeat(600_000)).into_bytes(),
            Fails(&["row 2 (line 3)", "column \"b\"", "1 MiB", "quote"]),
        ),
        (
            "an open quote that a later one closes",
            text("a,b\n1,\"2\n3,4\n5,\"6\n"),
            Fails(&["row 1 (line 2)", "column \"b\"", "closing quote"]),
        ),
        (
            "a quote inside a value",
            text("a,b\n5\" disk,2\n"),
            Loads(1, &[Some("5\" disk"), Some("2")]),
        ),
        (
            "text after a closing quote",
            text("a,b\n\"Ann\" Lee,2\n"),
            Loads(1, &[Some("Ann Lee"), Some("2")]),
        ),
        (
            "doubled quotes",
            text("a,b\n\"say \"\"hi\"\"\",2\n"),
            Loads(1, &[Some("say \"hi\""), Some("2")]),
        ),
        (
            "line breaks in quotes",
            text("a,b\n\"1\r\n2\",3\n4\n"),
            Fails(&["row 2 (line 4)", "1 values"]),
        ),
        (
            "quoted numbers and gaps",
            text("a,b,c\n\"1\",\"\",\" \"\n"),
            Loads(1, &[Some("1"), None, None]),
        ),
        (
            "words for missing",
            text("a,b,c,d,e\nNA,n/a,NaN,NULL,none\n"),
            Loads(1, &[None, None, None, None, None]),
        ),
        (
            "nearly words for missing",
            text("a,b,c\nNAN0,-,nil\n"),
            Loads(1, &[Some("NAN0"), Some("-"), Some("nil")]),
        ),
        (
            "a NUL byte",
            text("a,b\n1,2\n3,x\0y\n"),
            Fails(&["row 2 (line 3)", "column \"b\"", "NUL"]),
        ),
        (
            "a NUL byte in a name",
            text("a\0,b\n1,2\n"),
            Fails(&["column 1", "NUL"]),
        ),
        (
            "Latin-1",
            b"a,b\n1,caf\xE9\n".to_vec(),
            Fails(&["row 1 (line 2)", "column \"b\"", "caf", "UTF-8"]),
        ),
        (
            "Latin-1 in a name",
            b"a,caf\xE9\n1,2\n".to_vec(),
            Fails(&["column 2", "UTF-8"]),
        ),
        (
            "half a character on either side of a comma",
            b"a,b\nx\xC3,\xA9y\n".to_vec(),
            Fails(&["row 1 (line 2)", "column \"a\"", "UTF-8"]),
        ),
        (
            "an overlong encoding",
            b"a,b\n1,\xC0\xAF\n".to_vec(),
            Fails(&["row 1", "UTF-8"]),
        ),
        (
            "semicolons",
            text("a;b\n1;2\n"),
            Loads(1, &[Some("1"), Some("2")]),
        ),
        (
            "tabs",
            text("a\tb\n1\t2\n"),
            Loads(1, &[Some("1"), Some("2")]),
        ),
        (
            "bars",
            text("a|b\n1|2\n"),
            Loads(1, &[Some("1"), Some("2")]),
        ),
        (
            "semicolons in a table of commas",
            text("a,b;c\n1,2;3\n"),
            Loads(1, &[Some("1"), Some("2;3")]),
        ),
        (
            "a semicolon in a quoted name",
            text("\"a;b\"\n1\n"),
            Loads(1, &[Some("1")]),
        ),
        ("one column", text("a\n1\n2\n"), Loads(2, &[Some("1")])),
        (
            "as many columns as are taken",
            wide(4096),
            Loads(1, &[Some("1"); 4096]),
        ),
        (
            "one column too many",
            wide(4097),
            Fails(&["line 1", "4096 columns"]),
        ),
        (
            "a hundred thousand columns",
            wide(100_000),
            Fails(&["line 1", "4096 columns"]),
        ),
        (
            "a row of a hundred thousand values",
            text(&format!("a,b\n{}", "1,".repeat(100_000))),
            Fails(&["row 1 (line 2)", "4096"]),
        ),
        (
            "a megabyte in a value",
            text(&format!("a,b\n1,{}\n", "x".repeat(1 << 20))),
            Loads(1, &[]),
        ),
        (
            "more than a megabyte in a value",
            text(&format!("a,b\n1,{}\n", "x".repeat((1 << 20) + 1))),
            Fails(&["row 1 (line 2)", "column \"b\"", "1 MiB"]),
        ),
        (
            "ten megabytes in a value",
            text(&format!("a,b\n{},1\n", "x".repeat(10 << 20))),
            Fails(&["row 1 (line 2)", "column \"a\"", "1 MiB"]),
        ),
        (
            "a row of too many megabytes",
            text(&format!(
                "{}z\n{}1\n",
                (0..39)
                    .map(|index| format!("c{index}"))
                    .collect::<Vec<_>>()
                    .join(",")
                    + ",",
                format!("{},", "x".repeat(1 << 20)).repeat(39)
            )),
            Fails(&["row 1 (line 2)", "32 MiB"]),
        ),
        ("gzip", vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0], Fails(&["gzip"])),
        (
            "an Excel workbook",
            b"PK\x03\x04rest".to_vec(),
            Fails(&["Excel", "CSV"]),
        ),
        ("Parquet", b"PAR1restPAR1".to_vec(), Fails(&["Parquet"])),
        (
            "random bytes",
            (0..5_000_u32)
                .map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8 | 1)
                .collect(),
            Fails(&[]),
        ),
        (
            "formulas and markup are text",
            text("a,b\n=1+1,<script>\n"),
            Loads(1, &[Some("=1+1"), Some("<script>")]),
        ),
        (
            "numbers out of range",
            text("a,b,c\n1e400,-1e400,1e-400\n"),
            Loads(1, &[Some("1e400"), Some("-1e400"), Some("1e-400")]),
        ),
    ]
}
